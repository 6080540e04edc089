/**
 * One idle connection to an upstream, held because its end shows a death: the kernel closes it the moment the process dies. Another
 * connection to the port is then refused at once if no process listens there any more. So a death is noticed before a request fails.
 *
 * It works with any HTTP server, however long it keeps idle connections: a server that closes the connection and still listens is alive.
 * The connection requests the ready path once, since servers treat a connection without any request as an attack.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { questionTo } from './probe-connection.ts'
import { isSelfConnected, REFUSED } from './refusal.ts'

export interface ControlOptions {
  readonly hostname: string
  readonly port: number
  readonly readyPath: string
  readonly connectTimeoutMs: number
  readonly now: () => number
  /** The connection ended, and no process listens there now. */
  readonly lost: (reason: string) => void
}

export interface ControlConnection {
  /** Holds one from now on, unless it does already. */
  open(): void
  close(): void
}

/** A server that closes sooner keeps no idle connections; it is connected to no more often than this. */
const SHORT_MS = 1_000

export function controlConnection(options: ControlOptions): ControlConnection {
  let socket: Socket | undefined
  let timer: NodeJS.Timeout | undefined
  let heldBefore = false
  let shortOnes = 0

  function hold(): void {
    const { hostname: host, port, readyPath, connectTimeoutMs, now } = options
    let connectedAtMs: number | undefined
    let isRefused = false
    const held = connect({ host, port, noDelay: true })
    socket = held
    held.setTimeout(connectTimeoutMs, () => held.destroy())
    held.on('connect', () => {
      isRefused = isSelfConnected(held)
      if (isRefused) return void held.destroy()
      connectedAtMs = now()
      heldBefore = true
      held.setTimeout(0)
      held.write(questionTo(host, port, readyPath))
      // The prober judges answers, not this connection.
      held.resume()
    })
    held.on('error', ({ code }: NodeJS.ErrnoException) => (isRefused ||= code === REFUSED))
    held.on('close', () => socket === held && ended(isRefused, connectedAtMs))
  }

  function ended(isRefused: boolean, connectedAtMs: number | undefined): void {
    socket = undefined
    if (isRefused) {
      const hadOne = heldBefore
      heldBefore = false
      if (hadOne) options.lost('its connections ended, and no process listens')
      return
    }
    const isShort = connectedAtMs === undefined || options.now() - connectedAtMs < SHORT_MS
    shortOnes = isShort ? shortOnes + 1 : 0
    if (shortOnes <= 1) hold()
    else timer = setTimeout(hold, SHORT_MS)
  }

  return {
    open() {
      if (socket !== undefined) return
      clearTimeout(timer)
      heldBefore = false
      shortOnes = 0
      hold()
    },
    close() {
      clearTimeout(timer)
      const held = socket
      socket = undefined
      held?.destroy()
    },
  }
}
