/** All virtual users over autocannon's connections, each tab with its own: logged in first, then shopping for so long. */
import { seededRandom } from '../../../packages/lab/src/random.ts'
import { type OperationEvent, Recorder } from '../../../packages/lab/src/users/recorder.ts'
import { dueTimes } from '../../../packages/lab/src/users/schedule.ts'
import { VirtualUser, type VirtualUserOptions } from '../../../packages/lab/src/users/virtual-user.ts'
import { cannon } from './autocannon-client.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { Desk, type Ended, Tab, type TabLife } from './tab.ts'

export interface ShoppersOptions {
  readonly url: string
  readonly users: number
  /** Of each user, all with the same cookies. */
  readonly tabs: number
  readonly seed: number
  readonly scenario: Scenario
}

/** What of a scenario decides what its users do: whatever the lab's users can be told, and nothing that they would not hear. */
export type Scenario = Omit<VirtualUserOptions, 'client' | 'recorder' | 'name' | 'password' | 'run'>

export interface Turn {
  readonly seconds: number
  /** No more than so many, however much time is left: for what is compared by the request on a machine of any speed. */
  readonly requests?: number
  /** Operations a second, of all together, at instants fixed in advance. Absent: as many as can be answered. */
  readonly rate?: number
  /** The history is wanted too, as the lab's users tell it. */
  readonly withOperations?: boolean
}

export interface TurnResult {
  /** Answered, whatever the answer was. */
  readonly requests: number
  /** Answered as they had to be: the right user, and nothing missing. */
  readonly ok: number
  /** By why, such as `logged out`; of a system that is well and keeps its sessions there are none. */
  readonly failed: Readonly<Record<string, number>>
  /** Acknowledged things that were not there any more. */
  readonly lost: number
  /** From the first request to the last answer. */
  readonly durationMs: number
  /** See LatencyHistogram; from the due time, where there is one. */
  readonly histogram: string
  /** The generator's own lateness at p99. */
  readonly latenessMs: number
  readonly operations?: readonly OperationEvent[]
}

export interface Shoppers {
  /** Resolves once everybody has logged in, or LOG_IN_MAX_MS have passed. */
  logIn(): Promise<void>
  shop(turn: Turn): Promise<TurnResult>
}

type Place = Pick<TabLife, 'user' | 'desk' | 'tab' | 'now' | 'random'>

const LOG_IN_MAX_MS = 30_000
/** Sets one use of the seed apart from the other. */
const CHOICES = 0x2545f491

export function shoppers({ url, users: howMany, tabs, seed, scenario }: ShoppersOptions): Shoppers {
  let events: OperationEvent[] | undefined
  const recorder = new Recorder({ now: monotonicMs, report: (some) => void events?.push(...some), firstOp: 0 })
  const run = `${seed.toString(36)}-${Math.floor(monotonicMs()).toString(36)}`
  const users = Array.from({ length: howMany }, (_, n) => {
    const desk = new Desk()
    const account = { name: `user-${n}`, password: `password-${n}` }
    return { desk, user: new VirtualUser({ client: desk, recorder, ...account, run, ...scenario }) }
  })
  const places = users.flatMap((each, index) =>
    Array.from({ length: tabs }, (_, tab): Place => {
      return { ...each, tab, now: monotonicMs, random: seededRandom((seed + index * tabs + tab) ^ CHOICES) }
    }),
  )

  async function live(life: (index: number) => Omit<TabLife, keyof Place>) {
    const made: Tab[] = []
    const fired = cannon(url, places.length, (client) => void made.push(new Tab(client)))
    await Promise.all(made.map((tab, index) => tab.live({ ...(places[index] as Place), ...life(index) })))
    await fired.stop()
  }

  return {
    async logIn() {
      const deadlineMs = monotonicMs() + LOG_IN_MAX_MS
      const isOver = (index: number) => (dueAtMs: number) =>
        places[index]?.user.loggedIn === true || dueAtMs > deadlineMs
      await live((index) => ({ isOver: isOver(index), onEnded: () => undefined }))
    },

    async shop({ seconds, requests = Infinity, rate, withOperations = false }) {
      events = withOperations ? [] : undefined
      const count = counting()
      const beganMs = monotonicMs()
      const everyMs = rate === undefined ? undefined : (1_000 * places.length) / rate
      let begun = 0
      const isOver = (dueAtMs: number): boolean => dueAtMs - beganMs >= seconds * 1_000 || begun++ >= requests
      await live((index) => {
        const due = everyMs === undefined ? {} : { due: dueFrom(beganMs, everyMs, seed + index) }
        return { ...due, isOver, onEnded: (ended) => count.ended(ended) }
      })
      recorder.flush()
      const operations = events === undefined ? {} : { operations: events }
      return { ...count.result(), durationMs: monotonicMs() - beganMs, ...operations }
    },
  }
}

/** The system's monotonic clock, which all processes read alike. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function* dueFrom(beganMs: number, everyMs: number, seed: number): Generator<number> {
  for (const dueInMs of dueTimes(everyMs, seededRandom(seed))) yield beganMs + dueInMs
}

function counting() {
  const [latencies, lateness] = [new LatencyHistogram(), new LatencyHistogram()]
  const failed: Record<string, number> = {}
  let [ok, lost] = [0, 0]
  return {
    ended({ operation, latencyMs, lateMs }: Ended): void {
      const { outcome } = operation
      if (latencyMs !== undefined) latencies.record(latencyMs * 1_000)
      lateness.record(lateMs * 1_000)
      lost += operation.lost
      if (outcome.end === 'ok') ok++
      else failed[outcome.kind] = (failed[outcome.kind] ?? 0) + 1
    },
    result: () => ({
      requests: latencies.count,
      ok,
      failed,
      lost,
      histogram: String(latencies),
      latenessMs: lateness.count === 0 ? 0 : lateness.percentileMs(99),
    }),
  }
}
