/** How many users are where: by the node that served them last, logged out, or not logged in. */
import { STANDINGS } from '@ninelives/history'
import type { Moment } from './moment.ts'

export interface Census {
  /** By node: users who are logged in there, and users who were logged out there. */
  readonly nodes: readonly { readonly in: number; readonly out: number }[]
  readonly out: number
  /** Not logged in, or not served yet. */
  readonly away: number
}

const OUT = STANDINGS.indexOf('out')
const AWAY = STANDINGS.indexOf('away')

export function census({ nodes, served, standings }: Pick<Moment, 'nodes' | 'served' | 'standings'>): Census {
  const counts = nodes.map(() => ({ in: 0, out: 0 }))
  let [out, away] = [0, 0]
  for (const [user, standing] of standings.entries()) {
    const node = counts[served[user] ?? -1]
    if (standing === OUT) {
      out++
      if (node !== undefined) node.out++
    } else if (standing === AWAY || node === undefined) away++
    else node.in++
  }
  return { nodes: counts, out, away }
}
