/** Requests to the control API. What the lab refuses is shown until the next request. */
import { byId, setText } from './dom.ts'
import { isElsewhere } from './entrance.ts'
import { word } from './words.ts'

/** Which cluster of the lab this page shows: the first, or the one beside it. */
export const isBeside = new URLSearchParams(location.search).has('beside')
const SIDE = isBeside ? '/beside' : ''
export const API = `${SIDE}/api`

/** A second cluster meets the same faults as the first. */
export const mirrored = { isOn: false }

/** What an action does in place of a request where the page shows a recording: `fault` is the one that was asked for. */
type Fork = (fault?: { readonly kind: string; readonly target: string }) => void
export const recording: { fork: Fork | undefined } = { fork: undefined }

/** Resolves with the problem, if there is one. */
export async function control(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<string | undefined> {
  if (recording.fork !== undefined) {
    recording.fork()
    return undefined
  }
  showCommand(method, path, body)
  const problem = await send(method, path, body)
  showProblem(problem ?? '')
  return problem
}

async function send(method: string, path: string, body: unknown): Promise<string | undefined> {
  try {
    const response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    if (response.ok) return undefined
    const { error } = (await response.json()) as { error: { message: string } }
    return word('refused', { message: error.message })
  } catch {
    return word('labSilent')
  }
}

/** The same from a terminal. */
export function commandFor(method: string, path: string, body?: unknown): string {
  const data = body === undefined ? '' : ` -d '${JSON.stringify(body)}'`
  return `${curl(`-X ${method}`)} ${location.origin}${path}${data}`
}

export function curl(flags?: string): string {
  const token = isElsewhere ? '-H "Authorization: Bearer $TOKEN"' : undefined
  return ['curl', flags, token].filter((part) => part !== undefined).join(' ')
}

function showCommand(method: string, path: string, body: unknown): void {
  byId('command', HTMLElement).hidden = false
  setText(byId('command-text', HTMLElement), commandFor(method, path, body))
}

export function showProblem(text: string): void {
  const problem = byId('problem', HTMLElement)
  problem.hidden = text === ''
  setText(problem, text)
}

export function inject(
  kind: string,
  target: string,
  options: Readonly<Record<string, unknown>> = {},
): Promise<string | undefined> {
  const fault = { kind, target, ...options }
  if (recording.fork !== undefined) {
    recording.fork(fault)
    return Promise.resolve(undefined)
  }
  // What the second one refuses, an edge that it does not have for instance, is no problem of the first.
  if (mirrored.isOn) void send('POST', '/beside/api/faults', fault)
  return control('POST', `${API}/faults`, fault)
}
