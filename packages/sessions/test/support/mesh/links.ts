/** Links of several nodes in this process, and the events that they report. */
import type { ExecutionContext } from 'ava'
import { codecs } from '../../../src/replication/wire/codec.ts'
import { MeshLinks, type LinksOptions } from '../../../src/replication/links/links.ts'
import { meshLocation } from '../../../src/replication/mesh-url.ts'
import type { LinkMessage } from '../../../src/replication/wire/messages.ts'
import { meshPort } from './ports.ts'

export const SECRET = 'a secret of the mesh, long enough'
const codec = codecs.get(1)

export interface TestNode {
  readonly name: string
  readonly links: MeshLinks
  /** `linked b`, `unlinked b`, in order. */
  readonly events: string[]
  readonly lines: string[]
  readonly received: { readonly from: string; readonly message: LinkMessage }[]
  send(to: string, message: LinkMessage): boolean
}

export interface NodeOptions extends Partial<Pick<LinksOptions, 'incarnation' | 'speaks' | 'lookup'>> {
  readonly url: string
}

/** Opens at once, and closes with the test. */
export async function linkNode(t: ExecutionContext, { url, ...options }: NodeOptions): Promise<TestNode> {
  const location = meshLocation(url)
  const events: string[] = []
  const lines: string[] = []
  const received: TestNode['received'] = []
  const links = new MeshLinks({
    location,
    incarnation: Math.ceil(Math.random() * 2 ** 47),
    ...options,
    on: {
      linked: (name) => events.push(`linked ${name}`),
      unlinked: (name) => events.push(`unlinked ${name}`),
      ended: (name) => events.push(`ended ${name}`),
      event: ({ line }) => lines.push(line),
      received: (from, bytes, start, end) => {
        const message = codec?.decode(bytes, start, end)
        if (message !== undefined) received.push({ from, message })
      },
    },
  })
  await links.open()
  t.teardown(() => links.close())
  const send = (to: string, message: LinkMessage): boolean => {
    const frame = codec?.encode(message)
    return frame !== undefined && links.send(to, frame)
  }
  return { name: location.name, links, events, lines, received, send }
}

/** `a=127.0.0.1:PORT,b=...`, on ports that are free now. */
export async function peerList(names: readonly string[]): Promise<string> {
  const peers: string[] = []
  for (const name of names) peers.push(`${name}=127.0.0.1:${await meshPort()}`)
  return peers.join(',')
}
