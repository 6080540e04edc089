/**
 * The PROXY protocol, version 1: a line in front of everything else by which a proxy says who the client is.
 *
 * A receiver must not guess whether the line is there: any client could then pass itself off as another. So the caller decides
 * by the peer's address, and from such a peer a connection without a proper line is as wrong as one with a bad line.
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Socket } from 'node:net'

/** By the protocol's text: the longest line there is, its end included. */
const LINE_BYTES_MAX = 107
const PORT_MAX = 65_535

export type ProxyLine =
  | { readonly state: 'incomplete' }
  | { readonly state: 'malformed' }
  /** `address`: the client's; undefined where the proxy does not know it, or speaks for itself. */
  | { readonly state: 'complete'; readonly bytes: number; readonly address: string | undefined }

const MALFORMED: ProxyLine = { state: 'malformed' }
const START = 'PROXY '

/** What the first bytes of a connection say. */
export function proxyLine(received: Buffer): ProxyLine {
  const text = received.toString('latin1', 0, LINE_BYTES_MAX)
  const end = text.indexOf('\r\n')
  if (end === -1) {
    const possible = text.startsWith(START.slice(0, text.length)) && text.length < LINE_BYTES_MAX
    return possible ? { state: 'incomplete' } : MALFORMED
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
 * Takes the line from a connection that nobody reads yet, and leaves what came behind it to the next reader. The connection is
 * destroyed where the line is malformed or does not come in time.
 */
export function readProxyLine(socket: Socket, timeoutMs: number, done: (address: string | undefined) => void): void {
  let received: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  const stop = () => {
    clearTimeout(timer)
    socket.removeListener('data', take).removeListener('close', stop).removeListener('error', closeFollows)
  }
  const take = (piece: Buffer) => {
    received = received.length === 0 ? piece : Buffer.concat([received, piece])
    const line = proxyLine(received)
    if (line.state === 'incomplete') return
    stop()
    if (line.state === 'malformed') return void socket.on('error', closeFollows).destroy()
    socket.pause()
    if (line.bytes < received.length) socket.unshift(received.subarray(line.bytes))
    done(line.address)
    // TLS takes what came from the socket itself; HTTP listens to it, and would wait for ever for what was put back.
    if (socket.listenerCount('data') > 0) socket.resume()
  }
  socket.on('data', take).on('close', stop).on('error', closeFollows)
}

function closeFollows(): void {}
