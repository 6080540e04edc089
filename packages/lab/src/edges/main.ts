/** The process of the edges: proxies, and what the lab says to them. It ends with the lab, as everything does. */
import type { EdgesOptions } from './options.ts'
import { seededRandom } from '../random.ts'
import { type EdgeFault, EdgeProxy, type Way } from './proxy.ts'

interface Message extends Omit<EdgeFault, 'ways'> {
  readonly type: string
  /** Which ways on which edge. */
  readonly edges?: readonly { readonly edge: string; readonly ways: readonly Way[] }[]
  /** The port where these edges lead from now on. */
  readonly to?: number
  /** Of each of these, one is to be touched. */
  readonly units?: readonly (readonly string[])[]
}

const { seed, edges: all } = JSON.parse(process.argv[2] ?? '') as EdgesOptions
// Each has its own numbers, so that what passes on one edge decides nothing on another.
const proxies = new Map(
  all.map(({ name, port, target }, index) => [name, new EdgeProxy(port, target, seededRandom(seed + index))]),
)

process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => process.exit(0))
process.on('SIGINT', () => undefined)
process.on('message', (message: Message) => {
  const { type, id, edges = [], units = [], to, ...fault } = message
  if (type === 'edges-break') {
    for (const { edge, ways } of edges) proxies.get(edge)?.break({ id, ...fault, ways })
    process.send?.({ type: 'edges-broken', id })
  }
  if (type === 'edges-look' && units.every((unit) => unit.some((edge) => proxies.get(edge)?.isTouched(id)))) {
    process.send?.({ type: 'edges-touched', id })
  }
  if (type === 'edges-point' && to !== undefined) {
    for (const { edge } of edges) proxies.get(edge)?.point(to)
    process.send?.({ type: 'edges-pointed', id })
  }
  if (type === 'edges-mend') {
    for (const proxy of proxies.values()) proxy.mend(id)
    process.send?.({ type: 'edges-mended', id })
  }
})
process.send?.({ type: 'ready' })
