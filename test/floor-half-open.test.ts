/** Connections between the balancer and a node that break without a close, under sockets on which nothing happens. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { until } from '@ninelives/lab'
import { type ClientMessage, sessionClient } from '@ninelives/sessions/client'
import { WebSocket } from 'ws'
import { type Running, runUp } from '../packages/lab/test/fixtures/command.ts'
import { client } from '../packages/node/test/support/client.ts'

interface Fault {
  readonly kind: string
  readonly direction?: string
}

async function inject(lab: Running, fault: object): Promise<string> {
  const response = await fetch(`${lab.control}/api/faults`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(fault),
  })
  const text = await response.text()
  if (response.status !== 201) throw new Error(`${response.status}: ${text}`)
  return (JSON.parse(text) as { readonly id: string }).id
}

/** One customer, with the client that browsers have. */
async function customer(t: ExecutionContext, lab: Running) {
  const browser = client(lab.shop)
  await browser.login('user-1')
  const welcomes: string[] = []
  const connections: WebSocket[] = []
  const own = sessionClient(`${lab.shop.replace('http', 'ws')}/api/floor`, {
    onMessage: (message: ClientMessage) => {
      if (message.type === 'welcome') welcomes.push(String(message['node']))
    },
    WebSocket: function Browser(address: string): WebSocket {
      const socket = new WebSocket(address, { headers: { cookie: browser.cookie ?? '' } })
      socket.on('error', () => 'a close follows')
      connections.push(socket)
      return socket
    } as unknown as new (url: string) => globalThis.WebSocket,
  })
  t.teardown(() => {
    own.close()
    for (const each of connections) each.terminate()
  })
  await until(() => welcomes.length === 1, { what: 'the first welcome', deadlineMs: 60_000 })
  return { own, welcomes }
}

const goesOn = test.macro({
  async exec(t, { kind, direction }: Fault, isElsewhere: boolean) {
    t.timeout(240_000)
    const lab = await runUp(t, '--users', '0', '--edges', 'on')
    const { own, welcomes } = await customer(t, lab)
    t.like(await own.send('move', { dx: 1, dy: 0 }), { moves: 1 })
    const [first] = welcomes
    const id = await inject(lab, { kind, target: `balancer>${first}`, ...(direction && { direction }) })
    await until(() => welcomes.length > 1, { what: 'the client to be back', deadlineMs: 120_000 })
    if (isElsewhere) t.not(welcomes.at(-1), first)
    t.like(await own.send('move', { dx: 1, dy: 0 }), { moves: 2 })
    t.is(own.unacknowledged, 0)
    await fetch(`${lab.control}/api/faults/${id}`, { method: 'DELETE' })
  },
  title: (what = '') => `a socket on which nothing happens is back: ${what}`,
})

// The balancer's end stays, so that it tells the client nothing.
test.serial('the node alone sees a reset', goesOn, { kind: 'reset', direction: 'request' }, false)
test.serial('the balancer alone sees a reset', goesOn, { kind: 'reset', direction: 'answer' }, false)
test.serial('nothing passes any more', goesOn, { kind: 'hold' }, true)
test.serial('what the node sends is lost', goesOn, { kind: 'cut', direction: 'answer' }, true)
test.serial('what the node is sent is lost', goesOn, { kind: 'cut', direction: 'request' }, true)
