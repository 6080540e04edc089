/** The process of the healthy load: what its users cost is in no figure, and nothing else of the bench delays them. */
import { Client, Recorder, seededRandom, VirtualUser } from '@ninelives/lab'
import { answerQuestions } from '../../harness/processes/worker-process.ts'
import { LatencyHistogram } from '../../latency-histogram.ts'
import { connections } from './connection.ts'

export interface HealthyOptions {
  readonly url: string
  readonly users: number
  /** As of the lab's virtual users. */
  readonly readShare?: number | undefined
  readonly seed: number
  /** `lab`: the lab's own HTTP client instead, for comparison. */
  readonly via?: 'autocannon' | 'lab'
}

export interface TurnResult {
  /** Answered, whatever the answer was. */
  readonly requests: number
  /** Answered correctly: the right user, and nothing missing. */
  readonly ok: number
  /** How many were not, by reason, such as `logged-out`. */
  readonly failed: Readonly<Record<string, number>>
  /** Acknowledged items that were not in the cart any more. */
  readonly lost: number
  readonly durationMs: number
  /** As text, see LatencyHistogram. */
  readonly histogram: string
}

export type Question = { readonly logIn: HealthyOptions } | { readonly shopForMs: number }

interface Shopper {
  readonly user: VirtualUser
  readonly random: () => number
}

const LOG_IN_MAX_MS = 30_000
const now = (): number => performance.now()

let shoppers: readonly Shopper[] = []
let latencies = new LatencyHistogram()

answerQuestions((question: Question) =>
  'logIn' in question ? logIn(question.logIn) : shop(now() + question.shopForMs),
)

/** Returns once all users are logged in, or LOG_IN_MAX_MS have passed. */
async function logIn({ url, users, readShare, seed, via = 'autocannon' }: HealthyOptions): Promise<object> {
  const clients =
    via === 'autocannon' ? connections(url, users) : Array.from({ length: users }, () => new Client(new URL(url)))
  const recorder = new Recorder({ now, report: () => undefined, firstOp: 0 })
  const common = {
    recorder,
    run: `${seed.toString(36)}-${Date.now().toString(36)}`,
    ...(readShare !== undefined && { readShare }),
  }
  shoppers = clients.map((client: Pick<Client, 'call'>, n) => {
    const user = new VirtualUser({ ...common, client: timed(client), name: `user-${n}`, password: `password-${n}` })
    return { user, random: seededRandom(seed + n) }
  })
  const deadlineMs = now() + LOG_IN_MAX_MS
  await Promise.all(
    shoppers.map(async (shopper) => {
      while (!shopper.user.loggedIn && now() < deadlineMs) await act(shopper)
    }),
  )
  return {}
}

async function shop(untilMs: number): Promise<TurnResult> {
  latencies = new LatencyHistogram()
  const failed: Record<string, number> = {}
  let [ok, lost] = [0, 0]
  const beganMs = now()
  await Promise.all(
    shoppers.map(async (shopper) => {
      while (now() < untilMs) {
        const { outcome, ...operation } = await act(shopper)
        lost += operation.lost
        if (outcome.end === 'ok') ok++
        else failed[outcome.kind] = (failed[outcome.kind] ?? 0) + 1
      }
    }),
  )
  return { requests: latencies.count, ok, failed, lost, durationMs: now() - beganMs, histogram: String(latencies) }
}

function act({ user, random }: Shopper) {
  return user.act({ tab: 0, dueAtMs: now(), lateMs: 0, random })
}

function timed(client: Pick<Client, 'call'>): Pick<Client, 'call'> {
  return {
    async call(call, jar) {
      const sentAtMs = now()
      const reply = await client.call(call, jar)
      latencies.record((now() - sentAtMs) * 1_000)
      return reply
    },
  }
}
