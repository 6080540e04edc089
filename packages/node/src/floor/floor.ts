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
/** So many entries of players a node sends, over all sockets. With many sockets, each is told of fewer others, and less often. */
const PLAYERS_PER_SECOND = 25_000
/** So many messages about the others a node sends. On the way through a balancer a message takes about a third of a millisecond of CPU. */
const TOLD_PER_SECOND = 350
const PLAYERS_AT_ONCE = 25_000
const SHOWN_MIN = 20

export function floor(layer: SessionLayer, { node, server, onError, onRevoked, crashPoints }: FloorOptions): Floor {
  /** How many sockets of this node each session has. */
  const socketsOf = new Map<string, number>()
  let nextAtMs = 0
  let players = inReadingOrder(new Map())
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
          const others = playersNow().around(session.id, shownMax(sockets.sockets.size))
          const you = { user, ...markerIn(await session.read()) }
          send({ type: 'welcome', you, version: session.version, node, players: others.map(({ player }) => player) })
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

  function playersNow(): Players {
    if (players.members !== here.members) players = inReadingOrder(here.members)
    return players
  }

  function tellOthers(): void {
    telling ??= setTimeout(
      () => {
        telling = undefined
        const now = playersNow()
        const open = sockets.sockets
        const max = shownMax(open.size)
        const seconds = open.size * Math.max(1 / TOLD_PER_SECOND, Math.min(max, now.size) / PLAYERS_PER_SECOND)
        nextAtMs = performance.now() + 1_000 * seconds
        for (const { session, sendText } of open) {
          const others = now.around(session.id, max).map(({ text }) => text)
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

interface Players {
  readonly members: ReadonlyMap<string, Player>
  readonly size: number
  /** The players beside a session's own, which is left out. */
  around(session: string, max: number): { readonly player: Player; readonly text: string }[]
}

function shownMax(sockets: number): number {
  return Math.max(SHOWN_MIN, Math.floor(PLAYERS_AT_ONCE / Math.max(1, sockets)))
}

/** Players whose markers are beside each other are mostly beside each other in this order. */
function inReadingOrder(members: ReadonlyMap<string, Player>): Players {
  const ordered = [...members]
    .sort(([, a], [, b]) => a.y - b.y || a.x - b.x)
    .map(([session, player]) => ({ session, player, text: JSON.stringify(player) }))
  const places = new Map(ordered.map(({ session }, place) => [session, place]))
  return {
    members,
    size: ordered.length,
    around(session, max) {
      const place = places.get(session) ?? 0
      const from = Math.max(0, Math.min(place - Math.floor(max / 2), ordered.length - max - 1))
      return ordered.slice(from, from + max + 1).filter((each) => each.session !== session)
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
