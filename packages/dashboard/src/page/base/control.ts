/** Requests to the control API. What the lab refuses is shown until the next request. */
import { byId, setText } from './dom.ts'
import { isElsewhere, wantsToken } from './entrance.ts'
import { word } from './words.ts'

/** Which cluster of the lab this page shows: the first, or the one beside it. */
export const isBeside = new URLSearchParams(location.search).has('beside')
const SIDE = isBeside ? '/beside' : ''
export const API = `${SIDE}/api`

/** A second cluster meets the same faults as the first. */
export const mirrored = { isOn: false }

/** Whether there is a cluster that can be acted on: not while the lab is gone, nor after the end of its run. */
export const cluster: { isThere: boolean; pidOf: (node: string) => number | undefined } = {
  isThere: true,
  pidOf: () => undefined,
}

/** What an action does in place of a request where the page shows a recording: `fault` is the one that was asked for. */
type Fork = (fault?: { readonly kind: string; readonly target: string }) => void
export const recording: { fork: Fork | undefined } = { fork: undefined }

/** Resolves with the problem, if there is one. */
export async function control(
  method: 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: string,
): Promise<string | undefined> {
  if (recording.fork !== undefined) {
    recording.fork()
    return undefined
  }
  showCommand(method, path, body, signal)
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
  const token = wantsToken ? '-H "Authorization: Bearer $TOKEN"' : undefined
  return ['curl', flags, token].filter((part) => part !== undefined).join(' ')
}

/** The signals that do the same as these faults, on the lab's machine. */
const SIGNALS: Readonly<Record<string, string>> = { kill: 'KILL', pause: 'STOP', drain: 'TERM' }

/** What a fault of a process is without the lab. */
function signalFor({ kind, target }: { readonly kind: string; readonly target: string }): string | undefined {
  const pid = cluster.pidOf(target)
  const signal = SIGNALS[kind]
  return pid === undefined || signal === undefined || isElsewhere ? undefined : `kill -${signal} ${pid}`
}

function showCommand(method: string, path: string, body: unknown, signal?: string): void {
  byId('command', HTMLElement).hidden = false
  setText(byId('command-text', HTMLElement), commandFor(method, path, body))
  byId('command-signal', HTMLElement).hidden = signal === undefined
  setText(byId('command-signal-text', HTMLElement), signal ?? '')
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
  return control('POST', `${API}/faults`, fault, signalFor(fault))
}
