/**
 * Decides which connections may be opened, and finds the client of each. It runs before a server's own listener, so that a refused
 * connection costs neither a parser nor a TLS handshake, and a proxy's header is read before either.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { connectionLimits } from './connection-limits.ts'
import type { ClientOrigin } from '../request/header-rewriting.ts'
import { readProxyHeader } from '../proxy-protocol/proxy-protocol.ts'
import { plainAddress, trustedProxies } from '../config/address-ranges.ts'
import type { AddressRange } from '../config/address-ranges.ts'

export interface GateRules {
  readonly trustedProxies: readonly AddressRange[]
  readonly proxyProtocol: boolean
  readonly clientConnectionsPerAddressMax: number
  readonly clientHeadersTimeoutMs: number
}

export interface Gate {
  /** From now on every connection to the server passes the gate. */
  guard(server: Server): void
  /** Of a connection that passed: the socket itself, or the TLS socket made of it. */
  originOf(socket: Socket): ClientOrigin
  close(): void
}

type Origin = Omit<ClientOrigin, 'secure'>

export function gate(rules: GateRules, refused: (reason: 'address') => void): Gate {
  const trusts = trustedProxies(rules.trustedProxies)
  const limits = connectionLimits(rules.clientConnectionsPerAddressMax)
  const introduced = new Map<string, Origin>()
  const unread = new Set<Socket>()

  function admit(socket: Socket, address: string, accept: (socket: Socket) => void): void {
    const trusted = trusts(address)
    if (!trusted) {
      if (!limits.entered(address)) {
        refused('address')
        return void socket.destroy()
      }
      socket.once('close', () => limits.left(address))
    }
    // TLS makes another socket of it, which has the same addresses and nothing else in common.
    if (rules.proxyProtocol) {
      const ends = endsOf(socket)
      introduced.set(ends, { address, trusted })
      socket.once('close', () => introduced.delete(ends))
    }
    accept(socket)
  }

  return {
    guard(server) {
      const accepting = server.listeners('connection') as ((this: Server, socket: Socket) => void)[]
      const accept = (socket: Socket) => {
        for (const listener of accepting) listener.call(server, socket)
      }
      server.removeAllListeners('connection')
      server.on('connection', (socket) => {
        const address = plainAddress(socket.remoteAddress ?? '')
        if (!rules.proxyProtocol || !trusts(address)) return admit(socket, address, accept)
        unread.add(socket)
        socket.once('close', () => unread.delete(socket))
        readProxyHeader(socket, rules.clientHeadersTimeoutMs, (client) => {
          unread.delete(socket)
          admit(socket, client === undefined ? address : plainAddress(client), accept)
        })
      })
    },
    originOf(socket) {
      const secure = 'encrypted' in socket
      const known = rules.proxyProtocol ? introduced.get(endsOf(socket)) : undefined
      if (known !== undefined) return { ...known, secure }
      const address = plainAddress(socket.remoteAddress ?? '')
      return { address, secure, trusted: trusts(address) }
    },
    close() {
      for (const socket of unread) socket.destroy()
    },
  }
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
