import { putsOf } from './settled.ts'
import type { Owner, Visit } from './visit.ts'

/**
 * Which put added which item, needed only when an item appears in the wrong cart. So it is collected from the visits at the first
 * question, and kept up to date from then on.
 */
export class Owners {
  readonly #visits: () => Iterable<Visit>
  #known: Map<string, Owner> | undefined

  constructor(visits: () => Iterable<Visit>) {
    this.#visits = visits
  }

  find(sku: string): Owner | undefined {
    this.#known ??= gathered(this.#visits())
    return this.#known.get(sku)
  }

  add(sku: string, owner: Owner): void {
    this.#known?.set(sku, owner)
  }

  /** Keeps only the owners of the visit's items. */
  finish(visit: Visit): void {
    if (this.#known !== undefined) for (const [sku, owner] of ownersIn(visit)) this.#known.set(sku, owner)
  }

  forget(visit: Visit): void {
    if (this.#known !== undefined) for (const [sku] of ownersIn(visit)) this.#known.delete(sku)
  }
}

function gathered(visits: Iterable<Visit>): Map<string, Owner> {
  const known = new Map<string, Owner>()
  for (const visit of visits) for (const [sku, owner] of ownersIn(visit)) known.set(sku, owner)
  return known
}

function* ownersIn(visit: Visit): Generator<readonly [string, Owner]> {
  for (const put of putsOf(visit)) yield [put.sku, put]
  if (visit.remains === undefined) return
  const skus = JSON.parse(visit.remains.skus) as readonly string[]
  for (const [index, op] of visit.remains.ops.entries()) yield [skus[index] ?? '', { op, visit }]
}
