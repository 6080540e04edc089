/** What can be broken in this cluster: each kind of fault with its targets and fields, for a page or a script to offer. */
import type { ServerKind } from '../cluster/servers/server-kind.ts'
import { edgeName, type Edges, STORE } from '../edges/edges.ts'
import { duration } from '../faults/contract/fields.ts'
import type { Fault } from '../faults/contract/fault.ts'
import { faults } from '../faults/kinds/index.ts'
import { GROUPS, RANDOM_TARGET } from '../faults/target.ts'

export interface Offering {
  readonly nodes: readonly { readonly name: string }[]
  readonly edges: Edges | undefined
  readonly store: { readonly kind: ServerKind } | undefined
  refuses?(kind: string): string | undefined
}

/** Without the kinds that have no target here. */
export function faultKinds(cluster: Offering) {
  return [...faults.values()].flatMap((fault) => {
    if (cluster.refuses?.(fault.kind) !== undefined) return []
    const targets = targetsOf(fault, cluster)
    return targets.length === 0 ? [] : [{ kind: fault.kind, targets, fields: fieldsOf(fault) }]
  })
}

function targetsOf(fault: Fault, { nodes, edges, store }: Offering): readonly string[] {
  const { on } = fault
  const all = edges?.all.map(edgeName) ?? []
  const names = nodes.map(({ name }) => name)
  if (on.includes('edge')) return all.length === 0 ? [] : [...all, RANDOM_TARGET]
  if (on.includes('partition')) return all.length === 0 ? [] : [...names, ...GROUPS]
  const isOfStore = on.includes('store') && store !== undefined && fault.refuses?.(store.kind) === undefined
  return [...(on.includes('node') ? [...names, ...GROUPS, 'owner'] : []), ...(isOfStore ? [STORE] : [])]
}

/** In JSON what is undefined is absent. */
function fieldsOf({ fields = {} }: Fault) {
  return Object.entries({ ...fields, durationMs: fields.durationMs ?? duration() }).map(
    ([name, { takes, otherwise, optional }]) => ({ name, takes, otherwise, optional }),
  )
}
