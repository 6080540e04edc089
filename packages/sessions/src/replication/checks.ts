/** What in a mesh's URL and among its nodes loses sessions, or may: seen from outside, without taking part. */
import { connect } from 'node:net'
import type { Finding } from '../findings.ts'
import { type Address, shown } from './links/address.ts'
import type { MeshLocation } from './links/location.ts'

const CONNECT_MAX_MS = 2_000

export async function meshFindings({
  names: all,
  founders: names = all,
  whereabouts,
  copies,
  tls,
  ack,
}: MeshLocation): Promise<Finding[]> {
  const found: Finding[] = [memory(names.length, copies)]
  if (ack === 'local')
    found.push({
      level: 'warning',
      name: 'ack',
      line: 'with ack=local a change is acknowledged by one node alone, and is lost if that node dies',
      remedy: 'leave ack out, or say ack=one',
    })
  found.push({
    level: 'fine',
    name: 'network',
    line: tls ? 'the nodes encrypt what they send to each other' : 'the nodes are on this machine, and do not encrypt',
  })
  const addresses: readonly (readonly [string, Address])[] =
    whereabouts.kind === 'list'
      ? [...whereabouts.addresses].filter(([name]) => names.includes(name))
      : [['the DNS name', whereabouts.at]]
  const reached = await Promise.all(
    addresses.map(async ([name, address]) => ({ name, address, problem: await problemAt(address) })),
  )
  return [...found, ...reachability(reached, whereabouts.kind === 'list' ? names.length : 1)]
}

function memory(nodes: number, copies: MeshLocation['copies']): Finding {
  const name = 'copies'
  if (nodes === 1)
    return {
      level: 'loss',
      name,
      line: 'there is one node, and no copy: its death or restart logs every user out',
      remedy: 'name three nodes',
    }
  if (nodes === 2)
    return {
      level: 'warning',
      name,
      line: 'of two nodes both make the majority: while one is down, the other serves nobody; if both die at once, all sessions are lost',
      remedy: 'name three nodes',
    }
  const held = copies === 'all' ? nodes : copies + 1
  return {
    level: 'warning',
    name,
    line: `each session is in the memory of ${held} nodes: if all of these die or restart at once, it is lost`,
    remedy:
      'restart one node after the other, each when the one before is ready; put them on machines that do not fail together',
  }
}

interface Reached {
  readonly name: string
  readonly address: Address
  readonly problem: string | undefined
}

function reachability(all: readonly Reached[], expected: number): Finding[] {
  const down = all.filter(({ problem }) => problem !== undefined)
  if (down.length === 0)
    return [{ level: 'fine', name: 'reachable', line: `${all.length} of ${all.length} addresses answer` }]
  const list = down.map(({ name, address, problem }) => `${name} at ${shown(address)} (${problem})`).join(', ')
  const isMajority = 2 * (all.length - down.length) > expected
  const line = `no connection to ${list}: ${isMajority ? 'the others go on' : 'without a majority no session can be read or written'}`
  const remedy = 'start these nodes, or mend their addresses and the firewall'
  return [{ level: isMajority ? 'warning' : 'loss', name: isMajority ? 'node-down' : 'unreachable', line, remedy }]
}

/** Undefined if the node accepts a connection. */
async function problemAt({ host, port }: Address): Promise<string | undefined> {
  const socket = connect({ host, port, timeout: CONNECT_MAX_MS })
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(undefined))
      socket.once('timeout', () => resolve(`no answer within ${CONNECT_MAX_MS} ms`))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}
