/** Requests to the control API. What the lab refuses is shown until the next request. */
import { byId, setText } from './dom.ts'
import { word } from './words.ts'

export async function control(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
  try {
    const response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    if (response.ok) return showProblem('')
    const { error } = (await response.json()) as { error: { message: string } }
    showProblem(word('refused', { message: error.message }))
  } catch {
    showProblem(word('labSilent'))
  }
}

function showProblem(text: string): void {
  const problem = byId('problem', HTMLElement)
  problem.hidden = text === ''
  setText(problem, text)
}

export function inject(kind: string, target: string, options: Readonly<Record<string, unknown>> = {}): Promise<void> {
  return control('POST', '/api/faults', { kind, target, ...options })
}
