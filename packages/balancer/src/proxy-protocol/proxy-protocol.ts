/**
 * The PROXY protocol: a header before all other bytes of a connection, in which a proxy names the client. Version 1, a line of text, is
 * read here; version 2, in binary form, in a file of its own. The first byte tells which it is.
 *
 * A receiver must not guess whether the header is there: any client could then claim to be another. So the caller decides by the peer's
 * address, and a connection from such a peer without a valid header is refused.
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import { INCOMPLETE, MALFORMED } from './proxy-header.ts'
import type { ProxyHeader } from './proxy-header.ts'
import { isVersion2, proxyHeaderV2 } from './proxy-protocol-v2.ts'

/** The longest line that the protocol allows, its end included. */
const LINE_BYTES_MAX = 107
const PORT_MAX = 65_535

const START = 'PROXY '

/** What the first bytes of a connection say. */
export function proxyHeader(received: Buffer): ProxyHeader {
  if (received.length === 0) return INCOMPLETE
  return isVersion2(received) ? proxyHeaderV2(received) : proxyLine(received)
}

function proxyLine(received: Buffer): ProxyHeader {
  const text = received.toString('latin1', 0, LINE_BYTES_MAX)
  const end = text.indexOf('\r\n')
  if (end === -1) {
    const possible = text.startsWith(START.slice(0, text.length)) && text.length < LINE_BYTES_MAX
    return possible ? INCOMPLETE : MALFORMED
  }
  const address = clientIn(text.slice(0, end))
  return address === false ? MALFORMED : { state: 'complete', bytes: end + 2, address }
}

function clientIn(line: string): string | undefined | false {
  const [start, protocol, source = '', destination = '', sourcePort, destinationPort, ...more] = line.split(' ')
  if (start !== 'PROXY') return false
  // What follows UNKNOWN is to be ignored.
  if (protocol === 'UNKNOWN') return undefined
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isIPv6 : undefined
  if (isAddress === undefined || more.length > 0) return false
  if (!isAddress(source) || !isAddress(destination)) return false
  return isPort(sourcePort) && isPort(destinationPort) ? source : false
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= PORT_MAX
}

/**
 * Takes the header from a connection that has no reader yet, and leaves the bytes behind it to the next reader. Destroys the connection
 * if the header is malformed or late.
 */
export function readProxyHeader(socket: Socket, timeoutMs: number, done: (address: string | undefined) => void): void {
  let received: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  const stop = () => {
    clearTimeout(timer)
    socket.removeListener('data', take).removeListener('close', stop).removeListener('error', closeFollows)
  }
  const take = (piece: Buffer) => {
    received = received.length === 0 ? piece : Buffer.concat([received, piece])
    const header = proxyHeader(received)
    if (header.state === 'incomplete') return
    stop()
    if (header.state === 'malformed') return void socket.on('error', closeFollows).destroy()
    socket.pause()
    if (header.bytes < received.length) socket.unshift(received.subarray(header.bytes))
    done(header.address)
    // TLS reads the socket's buffer itself; HTTP listens for data, and would never see the bytes that were put back.
    if (socket.listenerCount('data') > 0) socket.resume()
  }
  socket.on('data', take).on('close', stop).on('error', closeFollows)
}

function closeFollows(): void {}
