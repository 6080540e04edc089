/**
 * The tour: six short steps, each a strategy, a fault by the visitor's hand, and what became of the users, in figures of the page's own
 * reducer. It can be left at any step, and goes on there the next time.
 */
import type { Incident, InterleavingName } from '@ninelives/history'
import { inject } from '../base/control.ts'
import { byId, setText } from '../base/dom.ts'
import { figure, type Word, word } from '../base/words.ts'
import type { LabView } from '../data/lab.ts'
import { census } from '../data/census.ts'
import type { Moment } from '../data/moment.ts'
import type { Director } from './director.ts'
import { sceneNow } from './scene.ts'

interface Step {
  readonly name: 'memory' | 'sticky' | 'redis' | 'replicated' | 'tabs' | 'crash'
  readonly strategy: string
  /** Where there is no server for it on this machine. */
  readonly otherwise?: string
  readonly tabs?: number
  /** What the visitor does to node b; undefined: it is enough to watch. */
  readonly fault?: 'kill' | 'crash'
  /** What must have happened before the step says what it showed. */
  readonly promises?: InterleavingName
}

const STEPS: readonly Step[] = [
  { name: 'memory', strategy: 'memory' },
  { name: 'sticky', strategy: 'sticky', fault: 'kill' },
  { name: 'redis', strategy: 'redis', otherwise: 'database', fault: 'kill' },
  { name: 'replicated', strategy: 'replicated', fault: 'kill' },
  { name: 'tabs', strategy: 'replicated', tabs: 2, fault: 'kill', promises: 'two-tabs-at-once' },
  { name: 'crash', strategy: 'replicated', fault: 'crash', promises: 'crash-after-commit' },
]

const [NODES, USERS, RATE, VICTIM] = [3, 40, 80, 'b']
/** The users have logged in, and have been served, by then. */
const SETTLED_MS = 3_000
/** Every user has acted again after a fault by then. */
const WATCH_MS = 6_000
/** What a step promises comes within seconds, unless the machine is too slow for it. */
const PROMISED_WITHIN_MS = 45_000
const LOGOUTS_MIN = 10
const KEPT_AS = 'ninelives-tour'

/** What a step showed. */
interface Found {
  readonly name: Word
  readonly values: Readonly<Record<string, string>>
}

/** `missed`: what the step was to show has not happened. */
type Phase = 'invited' | 'starting' | 'settling' | 'acting' | 'watching' | 'missed' | 'told' | 'over' | 'closed'

export class Tour {
  readonly #lab: LabView
  readonly #director: Director
  readonly #stateNow: () => Moment
  readonly #panel = byId('tour', HTMLElement)
  readonly #act = byId('tour-act', HTMLButtonElement)
  #phase: Phase = 'closed'
  #index = 0
  /** The strategy of the step, as it was started. */
  #strategy = ''
  #found: Found | undefined
  #problem = ''
  #actedAtMs = 0

  constructor(lab: LabView, director: Director, stateNow: () => Moment) {
    this.#lab = lab
    this.#director = director
    this.#stateNow = stateNow
    this.#act.addEventListener('click', () => void this.#go())
    byId('tour-skip', HTMLButtonElement).addEventListener('click', () => void this.#next())
    byId('tour-close', HTMLButtonElement).addEventListener('click', () => this.#close())
    byId('tour-open', HTMLButtonElement).addEventListener('click', () => this.open())
  }

  /** On a first visit it is offered, once; later it goes on where it was left. */
  offer(): void {
    const kept = keptStep()
    byId('tour-open', HTMLButtonElement).hidden = this.#lab.facts.strategies.length === 0
    if (this.#lab.facts.strategies.length > 0 && kept === undefined) this.open()
  }

  open(): void {
    const kept = keptStep() ?? 0
    this.#index = kept < STEPS.length ? kept : 0
    this.#phase = 'invited'
    this.#show()
  }

  /** Called several times a second with the newest moment. */
  look(moment: Moment, nowMs: number, readyAtMs: number | undefined): void {
    const { state } = moment
    const isReady = state.phase === 'ready' && state.strategy.name === this.#strategy && readyAtMs !== undefined
    if (this.#phase === 'settling' && isReady && nowMs - readyAtMs > SETTLED_MS && this.#hasVictims(moment)) {
      this.#phase = this.#step.fault === undefined ? 'watching' : 'acting'
      this.#actedAtMs = nowMs
    }
    if (isReady && (this.#phase === 'watching' || this.#phase === 'told')) this.#tell(moment, nowMs)
    this.#show()
  }

  #tell(moment: Moment, nowMs: number): void {
    const { state, incidents } = moment
    const isFirst = this.#phase === 'watching'
    if (this.#hasOther(incidents)) {
      this.#found = { name: 'tourElse', values: {} }
      if (isFirst) this.#phase = 'missed'
      return
    }
    const { fault } = this.#step
    // Where nothing is broken, the figure goes on.
    if (!isFirst && fault !== undefined) return
    const found = fault === undefined ? loggedOut(state) : this.#shown(moment, nowMs)
    if (found === undefined) return
    this.#found = { ...found, values: { ...found.values, ops: figure(state.users.totals.ok) } }
    this.#phase = found.name === 'tourNotMet' ? 'missed' : 'told'
  }

  translate(): void {
    this.#show()
  }

  get #step(): Step {
    return STEPS[this.#index] as Step
  }

  async #go(): Promise<void> {
    if (this.#phase === 'invited' || this.#phase === 'missed') return await this.#begin()
    if (this.#phase === 'told') return await this.#next()
    if (this.#phase === 'over') return this.#close()
    if (this.#phase !== 'acting') return
    this.#actedAtMs = this.#stateNow().state.atMs
    this.#phase = 'watching'
    this.#show()
    const options = this.#step.fault === 'crash' ? { point: 'after-commit' } : {}
    const problem = await inject(this.#step.fault ?? 'kill', VICTIM, options)
    if (problem === undefined) return
    this.#problem = problem
    this.#phase = 'acting'
  }

  async #begin(): Promise<void> {
    this.#phase = 'starting'
    this.#found = undefined
    this.#problem = ''
    keepStep(this.#index)
    this.#show()
    const { strategy, otherwise, tabs = 1 } = this.#step
    const { seed } = sceneNow(this.#stateNow().state, false)
    const scene = { nodes: NODES, users: USERS, tabs, rate: RATE, seed, edges: false, faults: [] }
    this.#strategy = strategy
    let problem = await this.#director.begin({ ...scene, strategy })
    if (problem !== undefined && otherwise !== undefined) {
      this.#strategy = otherwise
      problem = await this.#director.begin({ ...scene, strategy: otherwise })
    }
    this.#problem = problem ?? ''
    if (this.#phase === 'starting') this.#phase = problem === undefined ? 'settling' : 'invited'
    this.#show()
  }

  async #next(): Promise<void> {
    if (this.#index === STEPS.length - 1) {
      this.#phase = 'over'
      this.#found = undefined
      keepStep(STEPS.length)
      return this.#show()
    }
    this.#index++
    await this.#begin()
  }

  #close(): void {
    this.#phase = 'closed'
    keepStep(Math.max(this.#index, keptStep() ?? 0))
    this.#show()
    byId('tour-open', HTMLButtonElement).focus()
  }

  /** Whether a fault on node b falls on a user. */
  #hasVictims(moment: Moment): boolean {
    if (this.#step.fault === undefined) return true
    return (census(moment).nodes[moment.nodes.indexOf(VICTIM)]?.in ?? 0) > 0
  }

  /** What the step's own fault meant. */
  #incident(incidents: readonly Incident[]): Incident | undefined {
    if (this.#step.fault === undefined) return undefined
    return incidents.find(
      ({ atMs, target, cause }) => atMs >= this.#actedAtMs && target === VICTIM && cause !== 'passed-over',
    )
  }

  /** Something else was broken as well, so that the step's figures are not of its own fault alone. */
  #hasOther(incidents: readonly Incident[]): boolean {
    const own = this.#incident(incidents)
    return incidents.some(
      (incident) => incident.atMs >= this.#actedAtMs && incident !== own && incident.cause !== 'passed-over',
    )
  }

  /** What the fault meant, once every user that it concerns has been heard of, or has had the time, and what was promised has happened. */
  #shown({ state, incidents, met }: Moment, nowMs: number): Found | undefined {
    const last = this.#incident(incidents)
    const { promises, name: step } = this.#step
    const times = promises === undefined ? 1 : (met[promises] ?? 0)
    const { unnoticed = 0, slow = 0, failed = 0, lost = 0, out = 0 } = last?.users ?? {}
    const heard = unnoticed + slow + failed + lost + out
    const hasCome = times > 0 && heard > 0 && (step !== 'sticky' || out > 0)
    const isLate = nowMs - this.#actedAtMs > PROMISED_WITHIN_MS
    if (!hasCome && !isLate) return undefined
    if (last === undefined || times === 0 || heard === 0) return { name: 'tourNotMet', values: {} }
    if (nowMs - last.atMs < WATCH_MS) return undefined
    // A slow node may have logged out other users, which is not the step's own doing.
    const items = step === 'sticky' ? last.items : state.users.totals.lost
    const on = figure(heard)
    const isHarmless = out === 0 && lost === 0 && items === 0
    const isAsTold = step === 'sticky' ? out > 0 : isHarmless
    const name: Word = isAsTold ? `tourFound-${step as 'sticky'}` : 'tourOther'
    return { name, values: { out: figure(out), on, items: figure(items), met: figure(times) } }
  }

  #show(): void {
    const { name } = this.#step
    this.#panel.hidden = this.#phase === 'closed'
    if (this.#panel.hidden) return
    const isOver = this.#phase === 'over'
    const isInvited = this.#phase === 'invited' && this.#index === 0
    const progress = word('tourStep', { n: this.#index + 1, of: STEPS.length })
    setText(byId('tour-step', HTMLElement), isOver || isInvited ? word('tour') : progress)
    setText(byId('tour-title', HTMLElement), titleOf(isOver, isInvited, name))
    const isReplaced = this.#strategy === this.#step.otherwise
    const text = isOver ? word('tourOver') : isInvited ? word('tourInvites') : word(`tourText-${name}`)
    const hasStore = name === 'redis' && !isOver && !isInvited
    const more = isReplaced ? [word('tourNoRedis')] : hasStore ? [word('tourStore')] : []
    setText(byId('tour-text', HTMLElement), [text, ...more].join(' '))
    const found = this.#found === undefined ? '' : word(this.#found.name, this.#found.values)
    setText(byId('tour-found', HTMLElement), this.#problem === '' ? found : this.#problem)
    for (const id of ['tour-command', 'tour-home']) byId(id, HTMLElement).hidden = !isOver
    setText(this.#act, this.#actWord())
    setText(byId('tour-close', HTMLButtonElement), word(isInvited ? 'tourLater' : 'tourEnd'))
    byId('tour-close', HTMLButtonElement).hidden = isOver
    this.#act.disabled = ['starting', 'settling', 'watching'].includes(this.#phase)
    const skip = byId('tour-skip', HTMLButtonElement)
    skip.hidden = isOver || isInvited || this.#phase === 'told' || this.#phase === 'starting'
  }

  #actWord(): string {
    switch (this.#phase) {
      case 'invited':
        return word(this.#index === 0 ? 'tourStart' : 'tourGoOn')
      case 'starting':
      case 'settling':
        return word('clusterBegins')
      case 'acting':
        return word(this.#step.fault === 'crash' ? 'tourCrash' : 'tourKill')
      case 'watching':
        return word('tourWatch')
      case 'missed':
        return word('tourAgain')
      case 'told':
        return word('tourNext')
      case 'over':
      case 'closed':
        return word('close')
    }
  }
}

function titleOf(isOver: boolean, isInvited: boolean, name: Step['name']): string {
  if (isOver) return word('tourOverTitle')
  return isInvited ? word('tourInvitesTitle') : word(`tourTitle-${name}`)
}

/** Without shared sessions users are logged out although nothing breaks. */
function loggedOut({ users }: Moment['state']) {
  const { loggedOut: times } = users.totals
  if (times < LOGOUTS_MIN) return undefined
  return { name: 'tourFound-memory' as const, values: { out: figure(times) } }
}

function keptStep(): number | undefined {
  try {
    const kept = localStorage.getItem(KEPT_AS)
    return kept === null ? undefined : Number(kept)
  } catch {
    // Storage may be forbidden: then the tour is offered at each visit.
    return undefined
  }
}

function keepStep(index: number): void {
  try {
    localStorage.setItem(KEPT_AS, String(index))
  } catch {
    // See above.
  }
}
