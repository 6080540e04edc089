/**
 * Connections whose other end has not proven itself yet. Their number is bounded, and a new one drops the oldest. A peer proves
 * itself within milliseconds, so it gets through however many silent connections there are. Each address at which a peer is
 * expected has slots of its own, which no other address can take.
 */
import type { Server, Socket } from 'node:net'
import { plain } from './address.ts'

export interface Strangers {
  /** Counts the connections that a server takes from now on, before their first byte. */
  watch(server: Server): void
  /** A peer is expected at this address: it has slots of its own from now on. */
  expect(address: string | undefined): void
  /** The other end of this connection has proven to be a peer. */
  proven(socket: Socket): void
  /** How many were dropped to make room. */
  readonly dropped: number
}

/** For each address of a peer. */
const PEER_SLOTS = 32
/** For all other addresses, and for each of them. */
const OTHER_SLOTS = 64
const OTHER_SLOTS_EACH = 8
/** Behind DNS names addresses come and go. */
const PEER_ADDRESSES_MAX = 256

export function strangers(onDropped: (address: string) => void): Strangers {
  const expected = new Set<string>()
  /** In the order in which they came. */
  const waiting = new Map<string, Socket>()
  let dropped = 0

  const drop = (candidates: readonly [endpoint: string, Socket][]): void => {
    const [oldest] = candidates
    if (oldest === undefined) return
    const [endpoint, socket] = oldest
    const address = addressOf(socket)
    waiting.delete(endpoint)
    socket.destroy()
    dropped++
    onDropped(address)
  }

  const makeRoom = (address: string): void => {
    const beside = [...waiting].filter(([, socket]) => addressOf(socket) === address)
    if (expected.has(address)) return beside.length > PEER_SLOTS ? drop(beside) : undefined
    if (beside.length > OTHER_SLOTS_EACH) return drop(beside)
    const others = [...waiting].filter(([, socket]) => !expected.has(addressOf(socket)))
    if (others.length > OTHER_SLOTS) drop(others)
  }

  return {
    watch(server) {
      server.prependListener('connection', (socket: Socket) => {
        const endpoint = endpointOf(socket)
        waiting.set(endpoint, socket)
        socket.once('close', () => {
          if (waiting.get(endpoint) === socket) waiting.delete(endpoint)
        })
        makeRoom(addressOf(socket))
      })
    },

    expect(address) {
      if (address === undefined) return
      expected.delete(plain(address))
      const [oldest] = expected
      if (oldest !== undefined && expected.size >= PEER_ADDRESSES_MAX) expected.delete(oldest)
      expected.add(plain(address))
    },

    proven(socket) {
      waiting.delete(endpointOf(socket))
    },

    get dropped() {
      return dropped
    },
  }
}

/** The same for a socket and for the TLS on it. */
function endpointOf(socket: Socket): string {
  return `${addressOf(socket)} ${socket.remotePort}`
}

function addressOf({ remoteAddress = '' }: Socket): string {
  return plain(remoteAddress)
}
