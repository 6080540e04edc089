import { byId, setText } from './dom.ts'

/** Sends a request to the control API, and shows its error message if it refuses. */
export async function control(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
  try {
    const response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    if (response.ok) showProblem('')
    else showProblem(((await response.json()) as { error: { message: string } }).error.message)
  } catch {
    showProblem('The lab does not answer.')
  }
}

function showProblem(text: string): void {
  const problem = byId('problem', HTMLElement)
  problem.hidden = text === ''
  setText(problem, text)
}
