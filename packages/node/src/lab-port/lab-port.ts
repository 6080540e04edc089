/**
 * The port on which a lab that did not start this node, in another container for example, breaks it by signed orders. There is
 * no such port unless a secret is configured.
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { CrashPoints } from '../request/crash-points.ts'
import { obeyLab } from '../request/crash-points.ts'
import { type OrderChannel, takeFaultOrders } from '../self-inflicted/index.ts'
import { type LabMessage, signedLines } from './signed-lines.ts'

export interface LabPortOptions {
  readonly host: string
  readonly port: number
  readonly secret: string
  readonly crashPoints: CrashPoints
  /** What a lab is told as soon as it has proven itself, and again whenever it changes. */
  readonly state: () => LabMessage
}

export interface LabPort {
  readonly port: number
  /** Told to every lab. `sent`: the system has it. */
  tell(message: LabMessage): void
}

/** One lab breaks a cluster; a second one may replace it before the first is gone. */
const LABS_MAX = 4
const SIGNALS: ReadonlySet<unknown> = new Set<NodeJS.Signals>(['SIGKILL', 'SIGTERM'])

/** Rejects with the system's error, such as EADDRINUSE. */
export async function labPort({ host, port, secret, crashPoints, state }: LabPortOptions): Promise<LabPort> {
  const labs = new Set<(message: LabMessage) => void>()
  const server = createServer((socket) => open(socket))
  server.maxConnections = LABS_MAX
  server.listen(port, host)
  await once(server, 'listening')

  function open(socket: Socket): void {
    const listeners: ((message: LabMessage) => void)[] = []
    const lines = signedLines(socket, {
      side: 'node',
      secret,
      onProven() {
        labs.add(lines.send)
        lines.send(state())
      },
      onMessage: (message) => listeners.forEach((listener) => listener(message)),
    })
    const channel: OrderChannel = {
      onMessage: (listener) => void listeners.push(listener),
      send: (message, sent) => lines.send(message, sent),
    }
    const ends = [takeFaultOrders(channel), obeyLab(crashPoints, channel)]
    obeySignals(channel)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      labs.delete(lines.send)
      // A lab that is gone can't heal what it broke.
      for (const end of ends) end()
    })
  }

  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    tell: (message) => labs.forEach((send) => send(message)),
  }
}

/** A lab elsewhere can't send this process a signal. */
function obeySignals(channel: OrderChannel): void {
  channel.onMessage(({ type, id, signal }) => {
    if (type !== 'signal' || !SIGNALS.has(signal)) return
    channel.send({ type: 'signalled', id }, () => process.kill(process.pid, signal as NodeJS.Signals))
  })
}
