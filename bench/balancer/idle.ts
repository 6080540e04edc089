/** What an idle connection takes of a balancer's memory: `node bench/balancer/idle.ts [connections]`. */
import assert from 'node:assert/strict'
import { measureIdleConnections } from './idle-connections.ts'

const CONNECTIONS = 10_000
/** For one connection. */
const GOAL_BYTES = 16 * 1_024
const KIB = 1_024

const count = Number(process.argv[2] ?? CONNECTIONS)
assert(Number.isInteger(count) && count > 0, 'node bench/balancer/idle.ts [connections]')

const { before, held, after } = await measureIdleConnections(count)
const each = (bytes: number) => `${(bytes / count / KIB).toFixed(1)} KiB`
const lines = [
  `${count} idle keep-alive connections, each after one request`,
  `resident   ${each(held.rssBytes - before.rssBytes)} a connection (goal: ${GOAL_BYTES / KIB} KiB)`,
  `           ${each(held.rssAsItIsBytes - before.rssAsItIsBytes)} before V8 collected the garbage of the requests`,
  `heap       ${each(held.heapBytes - before.heapBytes)} a connection, buffers outside of it included`,
  `left over  ${each(after.heapBytes - before.heapBytes)} of heap for each when they had gone`,
]
process.stdout.write(`${lines.join('\n')}\n`)
process.exitCode = held.rssBytes - before.rssBytes <= GOAL_BYTES * count ? 0 : 1
