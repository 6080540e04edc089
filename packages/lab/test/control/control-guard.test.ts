import test, { type ExecutionContext } from 'ava'
import type { Lab } from '../../src/lab.ts'
import { type Ask, ask } from '../fixtures/ask.ts'
import { startedLab } from '../fixtures/open-lab.ts'

async function refusals(t: ExecutionContext, lab: Lab): Promise<void> {
  const kill = { kind: 'kill', target: 'b' }
  const table: [string, string, Ask, number, string, RegExp][] = [
    ['POST', '/api/faults', { body: '{' }, 400, 'NOT_JSON', /not JSON/],
    ['POST', '/api/faults', { body: '[]' }, 422, 'WRONG_SHAPE', /JSON object/],
    ['POST', '/api/faults', { body: {} }, 422, 'WRONG_SHAPE', /kind takes kill, pause, drain/],
    ['POST', '/api/faults', { body: { kind: 'kill' } }, 422, 'WRONG_SHAPE', /target takes/],
    [
      'POST',
      '/api/faults',
      { body: { kind: 'flood', target: 'b' } },
      422,
      'UNKNOWN_KIND',
      /"flood" .* kill, pause, drain/,
    ],
    [
      'POST',
      '/api/faults',
      { body: { ...kill, durationMs: 0 } },
      422,
      'WRONG_SHAPE',
      /durationMs takes .* 1 to 600000/,
    ],
    ['POST', '/api/faults', { body: { ...kill, when: 'now' } }, 422, 'WRONG_SHAPE', /"when" is no field/],
    ['POST', '/api/faults', { body: { ...kill, target: 'z' } }, 404, 'UNKNOWN_NODE', /there are a, b, or random/],
    ['POST', '/api/faults', { body: 'x'.repeat(20_000) }, 413, 'BODY_TOO_LARGE', /at most/],
    ['DELETE', '/api/faults/f99', {}, 404, 'UNKNOWN_FAULT', /no fault "f99"/],
    ['POST', '/api/nodes/z/start', {}, 404, 'UNKNOWN_NODE', /there are a, b/],
    ['POST', '/api/nodes/%E0%A4%A/start', {}, 400, 'BAD_PATH', /percent/],
    ['DELETE', '/api/cluster', {}, 405, 'METHOD_NOT_ALLOWED', /takes GET/],
    ['GET', '/api/nothing', {}, 404, 'NOT_FOUND', /nothing at/],
    ['GET', '/package.json', {}, 404, 'NOT_FOUND', /nothing at/],
    ['GET', '/page/../index.ts', {}, 404, 'NOT_FOUND', /nothing at/],
    ['GET', '/api/cluster', { headers: { Host: 'evil.example' } }, 403, 'HOST_NOT_ALLOWED', /localhost/],
    ['GET', '/', { headers: { Host: 'evil.example' } }, 403, 'HOST_NOT_ALLOWED', /localhost/],
    [
      'POST',
      '/api/faults',
      { body: kill, headers: { Origin: 'http://evil.example' } },
      403,
      'CROSS_SITE',
      /another page/,
    ],
    ['POST', '/api/faults', { body: kill, headers: { Origin: 'null' } }, 403, 'CROSS_SITE', /another page/],
    [
      'POST',
      '/api/faults',
      { body: kill, headers: { 'Sec-Fetch-Site': 'same-site' } },
      403,
      'CROSS_SITE',
      /another page/,
    ],
    ['GET', '/api/cluster', { headers: { 'Sec-Fetch-Site': 'cross-site' } }, 403, 'CROSS_SITE', /another page/],
  ]
  for (const [method, path, how, status, code, message] of table) {
    const said = await ask(lab, method, path, how)
    const label = `${method} ${path} ${JSON.stringify(how).slice(0, 80)}`
    t.is(said.status, status, label)
    t.is(said.json.error.code, code, label)
    t.regex(said.json.error.message, message, label)
  }
}

test('bad requests are refused with their reason', async (t) => {
  const lab = await startedLab(t)
  await refusals(t, lab)
  const { nodes, faults } = (await ask(lab, 'GET', '/api/cluster')).json
  t.deepEqual(
    nodes.map(({ state }) => state),
    ['up', 'up'],
  )
  t.deepEqual(faults, [])
})

test('the live page and the terminal may send requests', async (t) => {
  const lab = await startedLab(t)
  const port = new URL(lab.control.url).port
  for (const Host of ['localhost', `localhost:${port}`, `[::1]:${port}`, 'LOCALHOST']) {
    t.is((await ask(lab, 'GET', '/api/cluster', { headers: { Host } })).status, 200, Host)
  }
  const own = { Host: `localhost:${port}`, Origin: `http://localhost:${port}`, 'Sec-Fetch-Site': 'same-origin' }
  t.is((await ask(lab, 'GET', '/api/cluster', { headers: own })).status, 200)
})

test('the page runs nothing but its own modules, without types', async (t) => {
  const lab = await startedLab(t)
  const page = await ask(lab, 'GET', '/', { headers: { 'Sec-Fetch-Site': 'cross-site' } })
  t.is(page.status, 200)
  t.is(page.headers['content-type'], 'text/html; charset=utf-8')
  t.regex(String(page.headers['content-security-policy']), /default-src 'none'; script-src 'self'/)
  const reducer = await ask(lab, 'GET', '/history/reduce.ts')
  t.is(reducer.headers['content-type'], 'text/javascript; charset=utf-8')
  t.regex(reducer.text, /export function reduce\(state\s*,/)
})
