import { pino } from 'pino'
import test from 'ava'
import { accessLog } from '../../src/telemetry/access-log.ts'

interface Line {
  readonly code: string
  readonly oneIn?: number
}

function logging(linesPerSecond: number) {
  const lines: Line[] = []
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Line) })
  let described = 0
  const record = { describe: () => ({ path: `/${(described += 1)}` }) }
  const access = accessLog(log, () => linesPerSecond)
  return { lines, over: (code: string, nowMs: number) => access.over(code, nowMs, record), described: () => described }
}

test('each request has a line as long as there are few', (t) => {
  const { lines, over } = logging(10)
  for (let nowMs = 0; nowMs < 5_000; nowMs += 200) over('200', nowMs)
  t.is(lines.length, 25)
  t.true(lines.every(({ oneIn }) => oneIn === undefined))
})

test('of many requests a few have a line, spread over the second, and it says for how many it stands', (t) => {
  const { lines, over, described } = logging(10)
  for (let nowMs = 0; nowMs < 4_000; nowMs += 1) over('200', nowMs)
  t.is(lines.length, 40)
  t.true(lines.slice(10).every(({ oneIn }) => oneIn === 100))
  t.is(described(), 40)
  over('200', 60_000)
  t.is(lines.at(-1)?.oneIn, undefined)
})

test('a request that failed has a line also then, up to the bound', (t) => {
  const { lines, over } = logging(10)
  for (let nowMs = 0; nowMs < 2_000; nowMs += 1) over('200', nowMs)
  for (const code of ['502', 'cut', ...Array.from({ length: 20 }, () => '503')]) over(code, 2_001)
  t.is(lines.filter(({ code }) => code !== '200').length, 10)
})

test('where the access log is off there is no line', (t) => {
  const { lines, over } = logging(0)
  over('200', 0)
  over('502', 0)
  t.is(lines.length, 0)
})
