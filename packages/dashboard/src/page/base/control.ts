/** Requests to the control API. What the lab refuses is shown until the next request. */
import type { FaultState } from '@ninelives/history'
import { byId, setText } from './dom.ts'
import { isElsewhere, wantsToken } from './entrance.ts'
import { word } from './words.ts'

/** Which cluster of the lab this page shows: the first, or the one beside it. */
export const isBeside = new URLSearchParams(location.search).has('beside')
const BESIDE = '/beside/api'
export const API = isBeside ? BESIDE : '/api'

/** Whether there is a second cluster beside this one: it meets the same. */
export const mirrored = { isOn: false }

/** The clusters on which an act of this page falls. */
export function apis(): readonly string[] {
  return mirrored.isOn ? [API, BESIDE] : [API]
}

/** Whether there is a cluster that can be acted on: not while the lab is gone, nor after the end of its run. */
export const cluster: { isThere: boolean; pidOf: (node: string) => number | undefined } = {
  isThere: true,
  pidOf: () => undefined,
}

/** What an action does in place of a request where the page shows a recording: `fault` is the one that was asked for. */
type Fork = (fault?: { readonly kind: string; readonly target: string }) => void
export const recording: { fork: Fork | undefined } = { fork: undefined }

interface Request {
  readonly method: 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
}

/** `taken`: what the lab answers if it does not refuse. */
type Answer = { readonly problem: string } | { readonly problem: undefined; readonly taken: unknown }

/** Asks for a change of the lab as a whole. Resolves with the problem, if there is one. */
export async function control(method: Request['method'], path: string, body?: unknown): Promise<string | undefined> {
  if (recording.fork !== undefined) {
    recording.fork()
    return undefined
  }
  showCommand([{ method, path, body }])
  const { problem } = await send({ method, path, body })
  showProblem(problem ?? '')
  return problem
}

/** Injects a fault into this page's cluster, and into the one beside it. Resolves with the problem, if there is one. */
export async function inject(
  kind: string,
  target: string,
  options: Readonly<Record<string, unknown>> = {},
): Promise<string | undefined> {
  const fault = { kind, target, ...options }
  if (recording.fork !== undefined) {
    recording.fork(fault)
    return undefined
  }
  const request = (api: string): Request => ({ method: 'POST', path: `${api}/faults`, body: fault })
  return await act(request, signalFor(fault), async (first) => {
    if (!CHOSEN_BY_LAB.test(target)) return request(BESIDE)
    // The second cluster gets what was chosen for the first.
    const answer = await first
    const chosen = answer.problem === undefined ? (answer.taken as { target: string }).target : target
    return { ...request(BESIDE), body: { ...fault, target: chosen } }
  })
}

/** Targets that do not name what they fall on. */
const CHOSEN_BY_LAB = /^(random|minority|owner)/

/** Ends one of these faults of this page's cluster, and the same one of the cluster beside it. */
export async function heal(fault: Pick<FaultState, 'id'>, faults: readonly FaultState[]): Promise<string | undefined> {
  return await act(healing(fault.id), undefined, async () => {
    const id = await besideIdOf(fault, faults)
    return id === undefined ? undefined : healing(id)(BESIDE)
  })
}

function healing(id: string) {
  return (api: string): Request => ({ method: 'DELETE', path: `${api}/faults/${id}` })
}

/** Each cluster numbers its own faults: the same one is of the same kind and target, and in the same place among those. */
async function besideIdOf({ id }: Pick<FaultState, 'id'>, faults: readonly FaultState[]): Promise<string | undefined> {
  const healed = faults.find((fault) => fault.id === id)
  const isSame = (other: Pick<FaultState, 'kind' | 'target'>): boolean =>
    other.kind === healed?.kind && other.target === healed.target
  try {
    const response = await fetch(`${BESIDE}/cluster`)
    if (!response.ok) return undefined
    const others = ((await response.json()) as { faults: readonly FaultState[] }).faults.filter((other) =>
      isSame(other),
    )
    return others[faults.filter((other) => isSame(other)).findIndex((other) => other.id === id)]?.id
  } catch {
    return undefined
  }
}

/** Starts a node that is down. */
export async function startNode(name: string): Promise<string | undefined> {
  return await act((api) => ({ method: 'POST', path: `${api}/nodes/${name}/start` }))
}

/** Has the virtual users send so many requests a second. */
export async function setRate(rate: number): Promise<string | undefined> {
  return await act((api) => ({ method: 'POST', path: `${api}/users`, body: { rate } }))
}

/** `beside`: the request for the second cluster, which may have to wait for the answer of the first; undefined if there is none. */
async function act(
  requestTo: (api: string) => Request,
  signal?: string,
  beside: (first: Promise<Answer>) => Promise<Request | undefined> = async () => requestTo(BESIDE),
): Promise<string | undefined> {
  if (recording.fork !== undefined) {
    recording.fork()
    return undefined
  }
  const request = requestTo(API)
  const first = send(request)
  const second = mirrored.isOn ? beside(first) : Promise.resolve(undefined)
  showCommand([request], signal)
  const twin = await second
  if (twin !== undefined) showCommand([request, twin], signal)
  const answers = await Promise.all([first, ...(twin === undefined ? [] : [send(twin)])])
  // One of two clusters may have no such edge or store.
  const problem = answers.some((answer) => answer.problem === undefined) ? undefined : answers[0]?.problem
  showProblem(problem ?? '')
  return problem
}

async function send({ method, path, body }: Request): Promise<Answer> {
  try {
    const response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const answer: unknown = await response.json().catch(() => undefined)
    if (response.ok) return { problem: undefined, taken: answer }
    const { error } = answer as { error: { message: string } }
    return { problem: word('refused', { message: error.message }) }
  } catch {
    return { problem: word('labSilent') }
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

function showCommand(requests: readonly Request[], signal?: string): void {
  byId('command', HTMLElement).hidden = false
  const commands = requests.map(({ method, path, body }) => commandFor(method, path, body))
  setText(byId('command-text', HTMLElement), commands.join(' && '))
  byId('command-signal', HTMLElement).hidden = signal === undefined
  setText(byId('command-signal-text', HTMLElement), signal ?? '')
}

export function showProblem(text: string): void {
  const problem = byId('problem', HTMLElement)
  problem.hidden = text === ''
  setText(problem, text)
}
