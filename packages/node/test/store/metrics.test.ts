import test from 'ava'
import { client } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

test('requests are counted by route and status, sessions by where they live, and all by node', async (t) => {
  const { url } = await shopServer(t, { node: 'c' })
  const visitor = client(url)
  await visitor.login('user-0')
  await client(url).login('user-1')
  await visitor.send('DELETE', '/api/cart/one')
  await visitor.send('DELETE', '/api/cart/two')
  await visitor.send('PUT', '/api/cart')
  await visitor.send('GET', '/one/of/endless/paths')

  const answer = await visitor.send('GET', '/metrics')
  t.regex(answer.headers.get('Content-Type') ?? '', /^text\/plain; version=0\.0\.4/)
  const lines = new Set((answer.body as string).split('\n'))
  const count = 'ninelives_request_duration_seconds_count'
  t.true(lines.has(`${count}{node="c",route="/api/cart/:sku",status="200"} 2`))
  t.true(lines.has(`${count}{node="c",route="/api/cart",status="405"} 1`))
  t.true(lines.has(`${count}{node="c",route="unmatched",status="404"} 1`))
  t.true(lines.has('ninelives_sessions_held{node="c"} 2'))
  t.regex(answer.body as string, /^process_cpu_seconds_total\{node="c"\} /m)
  t.notRegex(answer.body as string, /endless/)
})
