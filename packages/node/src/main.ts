/**
 * The process of one node. By itself it ends on SIGTERM or SIGINT. Under a lab, which talks to it over IPC, it ignores Ctrl-C, as
 * the lab decides when it ends, and it ends with the lab.
 */
import { readConfig, ConfigError, type Config } from './config.ts'
import { crashPoints, obeyLab } from './request/crash-points.ts'
import { ipc, takeFaultOrders } from './self-inflicted/index.ts'
import type { SeenVisitor } from './request/seen-visitors.ts'
import { nodeLog } from './log.ts'
import { type LabPort, labPort } from './lab-port/lab-port.ts'
import { type RunningNode, startNode } from './node.ts'
import { StoreAbsentError } from './store/opened-store.ts'
import { StoreConfigError } from '@ninelives/sessions'

const EXIT_FAILED = 1
const EXIT_BAD_CONFIG = 2
const EXIT_PORT_IN_USE = 98

const config = configOrExit()
const log = nodeLog(config.nodeName, config.logLevel)
const underLab = process.send !== undefined

let node: RunningNode | undefined
let stopping = false

process.on('SIGTERM', stop)
process.on('SIGINT', underLab ? () => {} : stop)
process.on('disconnect', () => process.exit(EXIT_FAILED))
process.on('uncaughtException', (err) => {
  log.fatal({ err }, 'node failed')
  process.exit(EXIT_FAILED)
})

let port: LabPort | undefined
let held = 0
const points =
  underLab || config.lab !== undefined
    ? crashPoints(config.nodeName, (about) => port?.tell({ type: 'crashes', ...about }))
    : undefined
if (underLab && points !== undefined) obeyLab(points, ipc)
if (underLab) takeFaultOrders(ipc)

const onSessionCount = (count: number): void => {
  held = count
  process.send?.({ type: 'session-count', count })
  port?.tell({ type: 'session-count', count })
}
const onVisitor = (seen: SeenVisitor): void => {
  process.send?.({ type: 'visitor', ...seen })
  port?.tell({ type: 'visitor', ...seen })
}
const watched = points === undefined ? {} : { crashPoints: points, onSessionCount, onVisitor }
node = await startNode(config, log, watched).catch(exitBecause)
process.send?.({ type: 'ready', url: node.url })
// It opens last: a lab that reaches it finds a node that serves.
if (config.lab !== undefined && points !== undefined) {
  const state = () => ({ type: 'ready', node: config.nodeName, count: held })
  const options = { ...config.lab, host: config.host, crashPoints: points, state }
  port = await labPort(options).catch(exitBecause)
  log.warn({ event: 'lab-port', port: port.port }, 'a lab with the secret can break this node')
}

/** Exits at once at a second request, or if there is nothing to drain yet. */
function stop(): void {
  if (stopping) process.exit(EXIT_FAILED)
  if (node === undefined) process.exit(0)
  stopping = true
  port?.tell({ type: 'draining' })
  void node.drain().then(() => {
    port?.tell({ type: 'left' })
    process.exit(0)
  })
}

function configOrExit(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    if (error instanceof ConfigError) exitWith(error.message, EXIT_BAD_CONFIG)
    throw error
  }
}

function exitBecause(error: Error & { code?: string; address?: string; port?: number }): never {
  if (error instanceof StoreConfigError) exitWith(`STORE: ${error.message}`, EXIT_BAD_CONFIG)
  if (error instanceof StoreAbsentError) exitWith(error.message, EXIT_FAILED)
  if (error.code === 'EADDRINUSE') exitWith(`Port ${error.port} on ${error.address} is in use.`, EXIT_PORT_IN_USE)
  exitWith(`The node could not start: ${error.message}`, EXIT_FAILED)
}

function exitWith(line: string, code: number): never {
  process.stderr.write(`${line}\n`)
  process.exit(code)
}
