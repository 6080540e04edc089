/**
 * One tab of a virtual user, over one connection of autocannon's. What is sent next, the lab's virtual user decides, who also
 * keeps the cookies and checks each answer; the connection, the parser and the clock are autocannon's. When the next is due is
 * decided here: as soon as the last is answered, or at instants fixed in advance.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Call, Client, Reply } from '../../../packages/lab/src/users/client.ts'
import type { CookieJar } from '../../../packages/lab/src/users/cookie-jar.ts'
import { hundredths } from '../../../packages/lab/src/users/recorder.ts'
import type { Operation, VirtualUser } from '../../../packages/lab/src/users/virtual-user.ts'
import type { AutocannonClient } from './autocannon-client.ts'
import { type Repaired, repairReconnect } from './repaired.ts'

interface Asked {
  readonly call: Call
  readonly jar: CookieJar
  readonly resolve: (reply: Reply) => void
}

/** What a user sends through, whichever tab it acts in: a request goes to the tab that took it last. */
export class Desk implements Pick<Client, 'call'> {
  #asked: Asked | undefined

  call(call: Call, jar: CookieJar): Promise<Reply> {
    return new Promise((resolve) => (this.#asked = { call, jar, resolve }))
  }

  /** What the user wants sent. It says so before its first wait, so this follows `act()` at once. */
  take(): Asked {
    const asked = this.#asked
    this.#asked = undefined
    if (asked === undefined) throw new Error('a virtual user acted and sent nothing')
    return asked
  }
}

export interface TabLife {
  readonly user: VirtualUser
  readonly desk: Desk
  readonly tab: number
  readonly now: () => number
  readonly random: () => number
  /** Instants on the clock `now`; without them, an operation is due when the one before it has ended. */
  readonly due?: Iterable<number>
  /** Asked before each operation, for the instant at which it is due. */
  readonly isOver: (dueAtMs: number) => boolean
  readonly onEnded: (ended: Ended) => void
}

export interface Ended {
  readonly operation: Operation
  /** From the instant at which it was due, or else from when it was sent; absent when no answer came. */
  readonly latencyMs?: number
  /** How much later it was sent than it could have been. */
  readonly lateMs: number
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string | string[]>>
}

export class Tab {
  readonly #connection: Repaired
  readonly #client: AutocannonClient
  #asked: Asked | undefined
  #answer: Answer | undefined
  #isAnswered = false
  #durationMs = 0

  /** In `setupClient`: before the connection does anything. */
  constructor(client: AutocannonClient) {
    this.#client = client
    this.#connection = repairReconnect(client, (loss) => this.#settle(loss))
    client.on('response', (_status: number, _bytes: number, durationMs: number) => this.#answered(durationMs))
    this.#takeRequests()
  }

  /** One operation after the other, each as soon as it is due and the one before it has ended. */
  async live(life: TabLife): Promise<void> {
    const { now, onEnded, isOver } = life
    let freeMs = now()
    for (const dueAtMs of life.due ?? asSoonAsPossible(now)) {
      if (isOver(dueAtMs)) return
      const waitMs = dueAtMs - now()
      if (waitMs > 0) await sleep(waitMs)
      const sentAtMs = now()
      const lateMs = Math.max(0, sentAtMs - Math.max(dueAtMs, freeMs))
      const operation = await this.#act(life, dueAtMs, lateMs)
      freeMs = now()
      // Where a due time was fixed, all that came between it and the user who reads the answer is what that user waited for.
      const latencyMs = life.due === undefined ? this.#durationMs : freeMs - dueAtMs
      onEnded({ operation, lateMs, ...(this.#isAnswered ? { latencyMs } : {}) })
    }
  }

  #act({ user, desk, tab, random }: TabLife, dueAtMs: number, lateMs: number): Promise<Operation> {
    const acting = user.act({ tab, dueAtMs: hundredths(dueAtMs), lateMs: hundredths(lateMs), random })
    this.#asked = desk.take()
    this.#isAnswered = false
    // The first request is built when it is set, each later one when it is sent.
    if (this.#client.reqsMade === 0) this.#takeRequests()
    this.#connection.send()
    return acting
  }

  #takeRequests(): void {
    this.#client.setRequests([
      {
        setupRequest: (request) => (this.#asked === undefined ? request : { ...request, ...onTheWire(this.#asked) }),
        onResponse: (status, body, _context, headers) => {
          this.#answer = { status, body, headers: headers as Answer['headers'] }
        },
      },
    ])
  }

  #answered(durationMs: number): void {
    const answer = this.#answer
    if (answer === undefined) return
    this.#isAnswered = true
    this.#durationMs = durationMs
    this.#asked?.jar.store(valuesOf(answer, 'set-cookie'))
    this.#settle(readReply(answer))
  }

  #settle(reply: Reply): void {
    const asked = this.#asked
    this.#asked = undefined
    this.#answer = undefined
    asked?.resolve(reply)
  }
}

function* asSoonAsPossible(now: () => number): Generator<number, never> {
  for (;;) yield now()
}

/** As the lab's own client sends it. */
function onTheWire({ call, jar }: Asked) {
  const { method, path, body, idempotencyKey } = call
  const text = body === undefined ? '' : JSON.stringify(body)
  const cookie = jar.header()
  const headers = {
    accept: 'application/json',
    ...(text === '' ? {} : { 'content-type': 'application/json' }),
    ...(text === '' && method === 'POST' ? { 'content-length': '0' } : {}),
    ...(cookie === undefined ? {} : { cookie }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  }
  return { method, path, headers, body: text }
}

function readReply(answer: Answer): Reply {
  const { status, body: text } = answer
  try {
    const body = text === '' ? undefined : (JSON.parse(text) as unknown)
    return { end: 'answered', status, node: valuesOf(answer, 'x-served-by')[0], body }
  } catch {
    return { end: 'broken', kind: 'not JSON' }
  }
}

function valuesOf({ headers }: Answer, name: string): string[] {
  return Object.entries(headers).flatMap(([key, value]) => (key.toLowerCase() === name ? value : []))
}
