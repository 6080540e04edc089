/** Runs one task after the other, in the order in which they were given; one that fails does not stop the next. */
export type OneAtATime = <T>(task: () => Promise<T>) => Promise<T>

export function oneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(task: () => Promise<T>): Promise<T> => {
    const result = last.then(task)
    // `result` reports a failure to the caller.
    last = result.catch(() => {})
    return result
  }
}
