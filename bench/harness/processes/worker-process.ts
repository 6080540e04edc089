/** The inside of a worker: reports that it is ready, answers each question of `worker.ts`, and ends with the bench. */
export function answerQuestions(answer: (question: never) => unknown, ready: object = {}): void {
  process.on('disconnect', () => process.exit())
  process.on('message', (question) => void answered(answer(question as never)))
  process.send?.(ready)
}

async function answered(answer: unknown): Promise<void> {
  try {
    process.send?.(await answer)
  } catch (error) {
    process.send?.({ error: (error as Error).stack })
  }
}
