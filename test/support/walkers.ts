/**
 * Customers on the floor, each with a socket, and what may never happen to their moves. `moves` in each acknowledgement counts all moves
 * of the session, so one that was lost or carried out twice is seen in the next.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type SessionClient, sessionClient } from '@ninelives/sessions/client'
import { WebSocket } from 'ws'
import { client } from '../../packages/node/test/support/client.ts'

export interface WalkersOptions {
  readonly walkers: number
  readonly movesPerSecond: number
}

export interface Walkers {
  /** All have a socket, and were welcomed. */
  begin(): Promise<void>
  /** Moves until told to stop, and until the last is acknowledged. */
  walk(signal: AbortSignal): Promise<void>
  /** How many moves were sent, and after the walk how the sessions' counts differ from what was acknowledged. */
  harm(): Promise<Harm>
  /** Where they have their sockets. */
  nodes(): Set<string>
  readonly counts: { moves: number; slowestMs: number; reconnects: number }
  close(): void
}

export interface Harm {
  readonly lost: number
  readonly doubled: number
  /** Acknowledgements that counted fewer moves than one before. */
  readonly backInTime: number
  readonly failed: readonly string[]
}

interface Walker {
  readonly own: SessionClient
  /** Where its socket is; undefined while it has none. */
  node: string | undefined
  moves: number
  lastMoves: number
}

export function walkers(url: string, { walkers: count, movesPerSecond }: WalkersOptions): Walkers {
  const all: Walker[] = []
  const counts = { moves: 0, slowestMs: 0, reconnects: 0 }
  const failed: string[] = []
  let backInTime = 0

  const begin = async (n: number): Promise<Walker> => {
    const browser = client(url)
    const { status } = await browser.login(`user-${n}`)
    if (status !== 200) throw new Error(`the login of user-${n} was answered by ${status}`)
    const welcomed = Promise.withResolvers<void>()
    const walker: { node: string | undefined } = { node: undefined }
    const own = sessionClient(`${url.replace('http', 'ws')}/api/floor`, {
      onMessage(message) {
        if (message.type !== 'welcome') return
        walker.node = String(message['node'])
        welcomed.resolve()
      },
      onState(state) {
        if (state !== 'waiting') return
        walker.node = undefined
        counts.reconnects++
      },
      WebSocket: function Browser(address: string): WebSocket {
        const socket = new WebSocket(address, { headers: { cookie: browser.cookie ?? '' } })
        socket.on('error', () => 'a close follows')
        return socket
      } as unknown as new (url: string) => globalThis.WebSocket,
    })
    await welcomed.promise
    return Object.assign(walker, { own, moves: 0, lastMoves: 0 })
  }

  const move = async (walker: Walker): Promise<void> => {
    const sentAtMs = performance.now()
    const [dx, dy] = [1 - (walker.moves % 3), 1 - ((walker.moves >> 1) % 3)]
    walker.moves++
    counts.moves++
    try {
      const answer = await walker.own.send('move', { dx, dy })
      counts.slowestMs = Math.max(counts.slowestMs, performance.now() - sentAtMs)
      const moves = Number(answer['moves'])
      if (moves <= walker.lastMoves) backInTime++
      walker.lastMoves = moves
    } catch (error) {
      failed.push(String(error))
    }
  }

  /** At fixed instants, one after the other; what fell behind is made up for. */
  const walkOn = async (walker: Walker, firstAtMs: number, signal: AbortSignal): Promise<void> => {
    const everyMs = (1_000 * count) / movesPerSecond
    for (let turn = 0; !signal.aborted; turn++) {
      await sleep(Math.max(0, firstAtMs + turn * everyMs - Date.now()))
      await move(walker)
    }
  }

  return {
    counts,

    nodes: () => new Set(all.flatMap(({ node }) => node ?? [])),

    async begin() {
      all.push(...(await Promise.all(Array.from({ length: count }, (_, n) => begin(n)))))
    },

    async walk(signal) {
      const beginAtMs = Date.now()
      await Promise.all(all.map((walker, n) => walkOn(walker, beginAtMs + n, signal)))
    },

    async harm() {
      let lost = 0
      let doubled = 0
      for (const walker of all) {
        const { moves } = walker
        await move(walker)
        const counted = walker.lastMoves - 1
        lost += Math.max(0, moves - counted)
        doubled += Math.max(0, counted - moves)
      }
      return { lost, doubled, backInTime, failed }
    },

    close() {
      for (const { own } of all) own.close()
    },
  }
}
