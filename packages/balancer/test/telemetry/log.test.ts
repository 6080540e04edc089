import test from 'ava'
import { logLine } from '../../src/telemetry/log.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { startBalancer } from '../fixtures/processes.ts'
import { until } from '../fixtures/until.ts'

const time = new Date(2_026, 0, 1, 12, 0, 0).getTime()

test('a line has the time, a level that is not info, what happened, and the rest by name', (t) => {
  const entry = {
    level: 40,
    time,
    process: 'balancer',
    event: 'upstream-ejected',
    upstream: 'b',
    reason: 'no answer in 500 ms',
  }
  t.is(logLine(entry), '12:00:00 warning: upstream ejected upstream=b reason="no answer in 500 ms"')
  t.is(logLine({ level: 30, time, process: 'balancer', event: 'stopped' }), '12:00:00 stopped')
  t.is(
    logLine({ level: 30, time, pid: 7, msg: 'request', status: 200, empty: [] }),
    '12:00:00 request status=200 worker=7',
  )
})

test('a client cannot send control characters to the terminal', (t) => {
  t.is(logLine({ level: 30, time, msg: 'request', path: '/\u001b[2J' }), '12:00:00 request path=/\\u{1b}[2J')
})

test('LOG_FORMAT says which; without a terminal it is JSON', async (t) => {
  const upstreams = { UPSTREAMS: 'a=http://127.0.0.1:9', PORT: '0' }
  const text = startBalancer(t, { ...upstreams, LOG_FORMAT: 'text' })
  const json = startBalancer(t, upstreams)
  await Promise.all([text.ready, json.ready])
  for (const { child } of [text, json]) child.kill('SIGTERM')
  await Promise.all([text.exited, json.exited])
  t.regex(text.output.stdout, /^\d\d:\d\d:\d\d listening url=http:\S+ .*upstreams=/m)
  t.regex(text.output.stdout, /stopped\n$/)
  for (const line of json.output.stdout.trim().split('\n')) t.notThrows(() => void JSON.parse(line))
})

test('lines about requests stand in their order among the others, and none is missing at the end', async (t) => {
  const { port } = await httpServer(t, (_request, response) => response.end())
  const { child, ready, exited, output } = startBalancer(t, { UPSTREAMS: `a=http://127.0.0.1:${port}`, PORT: '0' })
  const { url } = await ready
  for (const path of ['/1', '/2', '/3']) await fetch(url + path, { headers: { Connection: 'close' } })
  child.kill('SIGTERM')
  await exited
  const lines = output.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event?: string; path?: string })
  const told = lines.map(({ event, path }) => event ?? path)
  t.deepEqual(told.slice(told.indexOf('listening')), ['listening', '/1', '/2', '/3', 'draining', 'stopped'])
})

test('a line about a request is written soon, also where no other follows', async (t) => {
  const { port } = await httpServer(t, (_request, response) => response.end())
  const { ready, output } = startBalancer(t, { UPSTREAMS: `a=http://127.0.0.1:${port}`, PORT: '0' })
  const { url } = await ready
  await fetch(`${url}/1`)
  await until(() => output.stdout.includes('"path":"/1"'), { what: 'the line' })
  t.pass()
})
