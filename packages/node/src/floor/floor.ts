/** The floor over WebSocket: moves change the session, and everyone sees the others at most ten times a second. */
import type { Server } from 'node:http'
import { AnswerNotKeptError, type SessionLayer } from '@ninelives/sessions'
import { presence, type SessionSocket, sessionSockets, type SocketsReport } from '@ninelives/sessions/sockets'
import type { CrashPoints } from '../request/crash-points.ts'
import type { ShopFields } from '../shop/visitor.ts'
import { AT_THE_DOOR, type Marker, moved, type Step, stepOf } from '../shop/moves.ts'

export interface Floor {
  report(): SocketsReport
  /** Sends everyone to another node. */
  leave(): void
}

export interface FloorOptions {
  readonly node: string
  readonly server: Server
  readonly onError: (error: unknown) => void
  /** A socket was closed so long after the end of its session was told. */
  readonly onRevoked: (afterMs: number) => void
  readonly crashPoints: CrashPoints | undefined
}

interface Player {
  readonly user: string
  readonly x: number
  readonly y: number
  readonly score: number
}

/** An upgrade opens a socket; a plain request is told whether there is a floor. */
export const FLOOR_PATH = '/api/floor'
/** As the lab's crash points name it. */
const OPERATION = `WS ${FLOOR_PATH}`
/** With many sockets and players the others are told less often: so many are sent in all. */
const PLAYERS_PER_SECOND = 500_000

export function floor(layer: SessionLayer, { node, server, onError, onRevoked, crashPoints }: FloorOptions): Floor {
  /** How many sockets of this node each session has. */
  const socketsOf = new Map<string, number>()
  let nextAtMs = 0
  let telling: NodeJS.Timeout | undefined
  const here = presence<Player>(layer, { name: 'floor', onChange: tellOthers })
  const sockets = sessionSockets<ShopFields>(layer, {
    server,
    path: FLOOR_PATH,
    admits: ({ user }) => user !== undefined,
    onConnection: (socket) => {
      const { session, send } = socket
      const { user = '', ...fields } = session.data
      /** Not after the end: a move may be made later than its socket is closed. */
      const show = ({ x, y, score }: Marker) => {
        if (socketsOf.has(session.id)) here.show(session.id, { user, x, y, score })
      }
      enter(socket)
      show(markerIn(fields))
      return {
        hello: async () => {
          const you = { user, ...markerIn(await session.read()) }
          send({ type: 'welcome', you, version: session.version, node, players: othersOf(session.id) })
        },
        move: async ({ id, dx, dy }) => {
          const step = stepOf({ dx, dy })
          if (id === undefined || step === undefined) return refuse(socket, id)
          const move = async () => {
            const marker = await moveOnce(socket, step)
            send({ type: 'moved', id, ...marker, version: session.version })
            show(marker)
          }
          await (crashPoints?.within(OPERATION, move) ?? move())
        },
      }
    },
    onError,
    onRevoked,
  })

  function enter({ session: { id }, closed }: SessionSocket<ShopFields>): void {
    socketsOf.set(id, 1 + (socketsOf.get(id) ?? 0))
    closed.addEventListener('abort', () => {
      const left = (socketsOf.get(id) ?? 1) - 1
      if (left > 0) socketsOf.set(id, left)
      else {
        socketsOf.delete(id)
        here.hide(id)
      }
    })
  }

  function othersOf(own: string): Player[] {
    return [...here.members].flatMap(([id, player]) => (id === own ? [] : [player]))
  }

  function tellOthers(): void {
    telling ??= setTimeout(
      () => {
        telling = undefined
        const texts = [...here.members].map(([id, player]) => ({ id, text: JSON.stringify(player) }))
        nextAtMs = performance.now() + (1_000 * sockets.sockets.size * texts.length) / PLAYERS_PER_SECOND
        for (const { session, sendText } of sockets.sockets) {
          const others = texts.filter(({ id }) => id !== session.id).map(({ text }) => text)
          sendText(`{"type":"players","players":[${others.join()}]}`)
        }
      },
      Math.max(0, nextAtMs - performance.now()),
    )
  }

  return {
    report: () => sockets.report(),
    leave() {
      sockets.close()
      clearTimeout(telling)
      here.close()
    },
  }
}

async function moveOnce({ session }: SessionSocket<ShopFields>, step: Step): Promise<Marker> {
  try {
    return await session.update('move', (draft) => (draft.floor = moved(markerIn(draft), step)))
  } catch (error) {
    // It was made when it was sent before, and is too long ago for its result to be known.
    if (error instanceof AnswerNotKeptError) return markerIn(await session.read())
    throw error
  }
}

function markerIn({ floor }: { readonly floor?: Marker | undefined }): Marker {
  return floor ?? AT_THE_DOOR
}

function refuse(socket: SessionSocket<ShopFields>, id: string | undefined): void {
  const message = 'A move has an id, and dx and dy of -1, 0 or 1.'
  socket.send({ type: 'error', code: 'INVALID_MOVE', message, ...(id !== undefined && { id }) })
}
