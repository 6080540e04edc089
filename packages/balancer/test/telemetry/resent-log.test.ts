import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { pino } from 'pino'
import { resentLog } from '../../src/telemetry/resent-log.ts'

test('requests that are sent on are a line a second for each upstream, with retries and reroutes apart', async (t) => {
  const lines: Record<string, unknown>[] = []
  const log = resentLog(pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) }))
  log.note('b', 'nothing')
  log.note('b', 'something')
  log.note('b', 'nothing')
  log.note('c', 'something')
  t.deepEqual(lines, [])
  // Its timer keeps no process alive.
  for (let waited = 0; lines.length < 2 && waited < 60_000; waited += 50) await sleep(50)
  t.like(lines[0], { event: 'requests-resent', upstream: 'b', retries: 1, reroutes: 2 })
  t.like(lines[1], { event: 'requests-resent', upstream: 'c', retries: 1, reroutes: 0 })
  t.is(lines.length, 2)
})
