/** The edge process: it runs the proxies and takes the lab's orders over its channel, and ends with the lab. */
import type { EdgesOptions } from './options.ts'
import { seededRandom } from '../random.ts'
import { type EdgeFault, EdgeProxy, type Way } from './proxy.ts'

interface Message extends Omit<EdgeFault, 'ways'> {
  readonly type: string
  /** The directions on each edge. */
  readonly edges?: readonly { readonly edge: string; readonly ways: readonly Way[] }[]
  /** The port to which these edges lead from now on. */
  readonly to?: number
  /** Ids of faults; each must have affected some traffic. */
  readonly units?: readonly (readonly string[])[]
}

const { seed, edges: all } = JSON.parse(process.argv[2] ?? '') as EdgesOptions
// Each edge has a random sequence of its own, so that traffic on one edge does not change the jitter on another.
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
