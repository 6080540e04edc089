/** Links between nodes of this process over real sockets. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { SPOKEN } from '../../src/replication/links/handshake.ts'
import type { Message } from '../../src/replication/wire/messages.ts'
import { linkNode, peerList, SECRET, type TestNode } from '../support/mesh/links.ts'
import { meshRelay } from '../support/mesh/relay.ts'
import { certificate, privateKey } from '../support/redis/certificate.ts'
import { until } from '../support/until.ts'

const taken = (op: number): Message => ({ type: 'ack', view: 1, op })
const linkedTo = (node: TestNode, ...names: string[]) =>
  until(`${node.name} to be linked to ${names.join(', ')}`, () => node.links.linked().sort().join() === names.join())
const says = (node: TestNode, line: RegExp) =>
  until(`${node.name} to say ${line}`, () => node.lines.some((each) => line.test(each)))

/** In place of heartbeats, so that no link is silent. */
function talk(t: ExecutionContext, ...nodes: TestNode[]): void {
  const talking = setInterval(() => {
    for (const node of nodes) for (const name of node.links.linked()) node.send(name, taken(0))
  }, 20)
  t.teardown(() => clearInterval(talking))
}

for (const security of ['', `&secret=${SECRET}`, `&secret=${SECRET}&tls=on`]) {
  test.serial(`three nodes have one link for each pair, and messages arrive in order (${security})`, async (t) => {
    const peers = await peerList(['a', 'b', 'c'])
    const url = (name: string) => `replicated:?name=${name}&peers=${peers}${security}`
    const [a, b, c] = await Promise.all([
      linkNode(t, { url: url('a') }),
      linkNode(t, { url: url('b') }),
      linkNode(t, { url: url('c') }),
    ])
    await Promise.all([linkedTo(a, 'b', 'c'), linkedTo(b, 'a', 'c'), linkedTo(c, 'a', 'b')])
    const ops = Array.from({ length: 2_000 }, (_, op) => op)
    for (const op of ops) t.true(a.send('c', taken(op)))
    b.send('c', taken(0))
    await until('all to arrive', () => c.received.length === ops.length + 1)
    t.deepEqual(
      c.received.filter(({ from }) => from === 'a').map(({ message }) => message),
      ops.map(taken),
    )
    t.deepEqual(
      [a, b, c].map(({ events }) => events.sort()),
      [
        ['linked b', 'linked c'],
        ['linked a', 'linked c'],
        ['linked a', 'linked b'],
      ],
    )
    t.is(a.links.version('b'), SPOKEN.newest)
  })
}

test.serial('a node that comes back is linked again by itself, whether it dials or is dialled', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const url = (name: string) => `replicated:?name=${name}&peers=${peers}`
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => linkNode(t, { url: url(name) })))
  if (a === undefined || b === undefined || c === undefined) return
  await Promise.all([linkedTo(a, 'b', 'c'), linkedTo(b, 'a', 'c'), linkedTo(c, 'a', 'b')])
  await b.links.close()
  await Promise.all([linkedTo(a, 'c'), linkedTo(c, 'a')])
  t.false(a.send('b', taken(1)))
  const again = await linkNode(t, { url: url('b') })
  await Promise.all([linkedTo(a, 'b', 'c'), linkedTo(c, 'a', 'b'), linkedTo(again, 'a', 'c')])
  t.deepEqual(a.events.filter((event) => event.endsWith('linked b')).slice(-2), ['unlinked b', 'linked b'])
})

test.serial('certificates of one authority link nodes, and a node without one is refused', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-mesh-'))
  t.teardown(() => rm(directory, { recursive: true }))
  await writeFile(join(directory, 'cert.pem'), certificate)
  await writeFile(join(directory, 'key.pem'), privateKey)
  const files = `ca=${directory}/cert.pem&cert=${directory}/cert.pem&key=${directory}/key.pem`
  const peers = await peerList(['a', 'b', 'c'])
  const a = await linkNode(t, { url: `replicated:?name=a&peers=${peers}&${files}` })
  const b = await linkNode(t, { url: `replicated:?name=b&peers=${peers}&${files}` })
  const c = await linkNode(t, { url: `replicated:?name=c&peers=${peers}&tls=on&secret=${SECRET}` })
  await Promise.all([linkedTo(a, 'b'), linkedTo(b, 'a')])
  await Promise.all([says(c, /no TLS with the same secret or authority/), says(a, /no TLS/)])
  t.deepEqual(c.links.linked(), [])
  await t.throwsAsync(linkNode(t, { url: `replicated:?name=a&peers=${peers}&${files}.gone` }), {
    message: /key\.pem\.gone' in the store's URL can't be read/,
  })
})

test.serial('another secret is refused, in a line on both sides, with TLS or without', async (t) => {
  for (const tls of ['off', 'on']) {
    const peers = await peerList(['a', 'b'])
    const a = await linkNode(t, { url: `replicated:?name=a&peers=${peers}&tls=${tls}&secret=${SECRET}` })
    const b = await linkNode(t, { url: `replicated:?name=b&peers=${peers}&tls=${tls}&secret=${SECRET}!` })
    await Promise.all([says(a, /secret/), says(b, /secret/)])
    t.deepEqual([a.links.linked(), b.links.linked()], [[], []])
    t.true(a.links.counts().refusals + b.links.counts().refusals > 0)
    t.notRegex([...a.lines, ...b.lines].join(), /a secret of the mesh/)
  }
})

test.serial('nodes of different clusters refuse each other, and say which', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const two = peers.split(',').slice(0, 2).join(',')
  const a = await linkNode(t, { url: `replicated:?name=a&peers=${peers}` })
  const b = await linkNode(t, { url: `replicated:?name=b&peers=${two}` })
  const c = await linkNode(t, { url: `clustered:?copies=1&name=c&peers=${peers}` })
  await says(a, /b was told of a, b with every session on each, and a of a, b, c with every session on each/)
  await says(a, /c was told of a, b, c with 1 backups of a session/)
  await Promise.all([says(b, /told of/), says(c, /told of/)])
  t.deepEqual(
    [a, b, c].flatMap(({ links }) => links.linked()),
    [],
  )
})

test.serial('c that answers at an address of b is not taken for b', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const [atA, atB, atC] = peers.split(',').map((each) => each.slice(2))
  const a = await linkNode(t, { url: `replicated:?name=a&peers=${peers}` })
  await linkNode(t, { url: `replicated:?name=c&peers=a=${atA},b=${atC},c=${atB}` })
  await says(a, /where a expects b, c answers/)
  t.pass()
})

test.serial('another version of the protocol is refused, one older is spoken', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const url = (name: string) => `replicated:?name=${name}&peers=${peers}`
  const a = await linkNode(t, { url: url('a'), speaks: { oldest: 1, newest: 2 } })
  const b = await linkNode(t, { url: url('b'), speaks: { oldest: 1, newest: 1 } })
  const c = await linkNode(t, { url: url('c'), speaks: { oldest: 3, newest: 3 } })
  await Promise.all([linkedTo(a, 'b'), linkedTo(b, 'a')])
  t.is(a.links.version('b'), 1)
  await says(a, /c speaks version 3 of the mesh's protocol, and a versions 1 to 2/)
  await says(c, /refused/)
  t.deepEqual(c.links.linked(), [])
})

test.serial('of two nodes with one name the one that is up stays, and the other is refused', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const url = (name: string) => `replicated:?name=${name}&peers=${peers}`
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => linkNode(t, { url: url(name) })))
  if (a === undefined || b === undefined || c === undefined) return
  await Promise.all([linkedTo(a, 'b', 'c'), linkedTo(b, 'a', 'c'), linkedTo(c, 'a', 'b')])
  talk(t, a, b, c)
  await until('c to hear b', () => c.received.some(({ from }) => from === 'b'))
  const [elsewhere] = (await peerList(['x'])).split(',')
  const second = await linkNode(t, { url: `${url('b')}&listen=${elsewhere?.slice(2)}` })
  await Promise.all([says(second, /two nodes have the name b/), says(c, /two nodes have the name b/)])
  t.deepEqual(second.links.linked(), [])
  await Promise.all([linkedTo(a, 'b', 'c'), linkedTo(b, 'a', 'c'), linkedTo(c, 'a', 'b')])
})

test.serial('two nodes with one name that each met another node first are both refused', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const url = (name: string) => `replicated:?name=${name}&peers=${peers}`
  const [a, c] = await Promise.all([linkNode(t, { url: url('a') }), linkNode(t, { url: url('c') })])
  const [elsewhere] = (await peerList(['x'])).split(',')
  const second = await linkNode(t, { url: `${url('b')}&listen=${elsewhere?.slice(2)}` })
  await Promise.all([linkedTo(second, 'c'), linkedTo(a, 'c')])
  talk(t, a, c, second)
  await until('c to hear b', () => c.received.some(({ from }) => from === 'b'))
  const first = await linkNode(t, { url: url('b') })
  talk(t, first)
  await Promise.all([says(first, /two nodes have the name b/), says(second, /two nodes have the name b/)])
  await says(c, /the link to b is gone: two nodes have the name b/)
  t.pass()
})

test.serial('a malformed frame ends the link and is counted, and the link comes back', async (t) => {
  const peers = await peerList(['a', 'b'])
  const [a, b] = await Promise.all(
    ['a', 'b'].map((name) => linkNode(t, { url: `replicated:?name=${name}&peers=${peers}` })),
  )
  if (a === undefined || b === undefined) return
  await linkedTo(b, 'a')
  await linkedTo(a, 'b')
  a.links.send('b', { bytes: Buffer.from([1, 0, 0, 0, 99]), start: 0, end: 5 })
  await until('the link to be lost and found', () => b.events.join() === 'linked a,unlinked a,linked a')
  t.is(b.links.counts().malformed, 1)
  t.true(b.lines.some((line) => /unknown kind/.test(line)))
})

test.serial('arbitrary bytes from an unknown client get no answer and break nothing', async (t) => {
  const peers = await peerList(['a', 'b'])
  const a = await linkNode(t, { url: `replicated:?name=a&peers=${peers}` })
  const [, port] = /a=127\.0\.0\.1:(\d+)/.exec(peers) ?? []
  for (const bytes of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    '\x16\x03\x01\x02\x00',
    Buffer.from([4, 0, 0, 0, 1, 2, 3, 4]),
  ]) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(bytes)
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.resume().on('close', resolve))
  }
  t.is(a.links.counts().malformed, 2)
  t.is(a.links.counts().refusals, 1)
  t.deepEqual(a.links.linked(), [])
})

test.serial('a peer that takes nothing loses its link, and no other peer waits for it', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const url = (name: string) => `replicated:?name=${name}&peers=${peers}`
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => linkNode(t, { url: url(name) })))
  if (a === undefined || b === undefined || c === undefined) return
  await linkedTo(a, 'b', 'c')
  const large = Buffer.alloc(4 + 4 * 1024 * 1024)
  large.writeUInt32LE(large.length - 4)
  let accepted = 0
  // Within one turn of the event loop nothing is received.
  while (a.links.send('b', { bytes: large, start: 0, end: large.length })) accepted++
  t.true(accepted >= 4 && accepted < 20, `${accepted} of 4 MiB`)
  t.deepEqual(
    a.events,
    a.events.filter((event) => event !== 'unlinked b'),
    'not before the sender is done',
  )
  a.send('c', taken(7))
  await until('c to get its own', () => c.received.length === 1)
  await until('b to lose its link', () => a.events.includes('unlinked b'))
  t.is(a.links.counts().overflows, 1)
  await linkedTo(a, 'b', 'c')
})

test.serial('a link on which nothing is heard ends', async (t) => {
  const peers = await peerList(['a', 'b'])
  const [a, b] = await Promise.all(
    ['a', 'b'].map((name) => linkNode(t, { url: `replicated:?name=${name}&peers=${peers}` })),
  )
  if (a === undefined || b === undefined) return
  await linkedTo(a, 'b')
  await until('the link to end', () => {
    a.links.endSilent(0)
    return a.events.includes('unlinked b')
  })
  t.regex(a.lines.join(), /b has said nothing for 2000 ms/)
})

test.serial('a node that has lost its link has a new one before the other notices the loss', async (t) => {
  const peers = await peerList(['a', 'b'])
  const [atA = '', atB = ''] = peers.split(',').map((each) => each.slice(2))
  const relay = await meshRelay(t, Number(atB.split(':')[1]))
  const a = await linkNode(t, { url: `replicated:?name=a&peers=a=${atA},b=127.0.0.1:${relay.port}` })
  const b = await linkNode(t, { url: `replicated:?name=b&peers=${peers}` })
  await Promise.all([linkedTo(a, 'b'), linkedTo(b, 'a')])
  relay.forget()
  await until('b to lose its link', () => {
    b.links.endSilent(0)
    return b.events.includes('unlinked a')
  })
  await until('both to have a new one', () => [a, b].every(({ events }) => events.length === 3))
  t.deepEqual(a.events, ['linked b', 'unlinked b', 'linked b'])
  t.deepEqual(b.events, ['linked a', 'unlinked a', 'linked a'])
})

test.serial('behind a DNS name nodes find each other, in any order of addresses', async (t) => {
  const [, port] = /a=127\.0\.0\.1:(\d+)/.exec(await peerList(['a'])) ?? []
  const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
  const lookup = async () => hosts
  const node = (name: string, host: string) =>
    linkNode(t, {
      url: `replicated:?name=${name}&names=a,b,c&dns=localhost:${port}&listen=${host}:${port}`,
      lookup,
    })
  const [a, b, c] = await Promise.all([node('a', '127.0.0.2'), node('b', '127.0.0.3'), node('c', '127.0.0.1')])
  await Promise.all([linkedTo(a, 'b', 'c'), linkedTo(b, 'a', 'c'), linkedTo(c, 'a', 'b')])
  await c.links.close()
  await linkedTo(a, 'b')
  const moved = await node('c', '127.0.0.4')
  await Promise.all([linkedTo(a, 'b', 'c'), linkedTo(b, 'a', 'c'), linkedTo(moved, 'a', 'b')])
  t.pass()
})

test.serial('behind a DNS name addresses are looked up only while a node is missing', async (t) => {
  const [, port] = /a=127\.0\.0\.1:(\d+)/.exec(await peerList(['a'])) ?? []
  const looks = { a: 0, b: 0 }
  const node = (name: 'a' | 'b', host: string) =>
    linkNode(t, {
      url: `replicated:?name=${name}&names=a,b&dns=localhost:${port}&listen=${host}:${port}`,
      lookup: async () => {
        looks[name]++
        // The last one is no node's.
        return ['127.0.0.2', '127.0.0.3', '127.0.0.4']
      },
    })
  const [a, b] = await Promise.all([node('a', '127.0.0.2'), node('b', '127.0.0.3')])
  await Promise.all([linkedTo(a, 'b'), linkedTo(b, 'a')])
  // So long it may take until each looks once more.
  await sleep(1_500)
  const before = { ...looks }
  await sleep(2_500)
  t.deepEqual(looks, before)
  await b.links.close()
  await until('a to look for b', () => looks.a > before.a + 1)
  const again = await node('b', '127.0.0.3')
  await Promise.all([linkedTo(a, 'b'), linkedTo(again, 'a')])
})

test.serial('behind a DNS name a new node is found at the address of one that was removed', async (t) => {
  const [, port] = /a=127\.0\.0\.1:(\d+)/.exec(await peerList(['a'])) ?? []
  const node = (name: string, host: string) =>
    linkNode(t, {
      url: `replicated:?name=${name}&members=a,b&names=a,b,d,e&dns=localhost:${port}&listen=${host}:${port}`,
      lookup: async () => ['127.0.0.2', '127.0.0.3'],
    })
  const a = await node('a', '127.0.0.2')
  const d = await node('d', '127.0.0.3')
  await linkedTo(a, 'd')
  await d.links.close()
  await until('the link to end', () => a.events.includes('unlinked d'))
  const e = await node('e', '127.0.0.3')
  await Promise.all([linkedTo(a, 'e'), linkedTo(e, 'a')])
  t.pass()
})

test.serial('two addresses of one node come to one link that stays', async (t) => {
  const hosts = ['127.0.0.2', '127.0.0.3', '::ffff:127.0.0.3']
  const [, port] = /a=127\.0\.0\.1:(\d+)/.exec(await peerList(['a'])) ?? []
  const node = (name: string, host: string) =>
    linkNode(t, {
      url: `replicated:?name=${name}&names=a,b,c&dns=localhost:${port}&listen=${host}:${port}`,
      lookup: async () => hosts,
    })
  const [a, b] = await Promise.all([node('a', '127.0.0.2'), node('b', '127.0.0.3')])
  await Promise.all([linkedTo(a, 'b'), linkedTo(b, 'a')])
  talk(t, a, b)
  await sleep(500)
  const links = a.events.filter((event) => event === 'linked b')
  t.true(links.length <= 2, `${links.length} links`)
})
