/** What it costs to be there, and what a request adds, where that was measured. */
import { html, type Markup } from '@ninelives/lab'
import { COST_SCHEMA, type CostResult } from '../../cost/result.ts'
import { caption, costHeads, costRows, dayRows } from '../../cost/table.ts'
import { table } from './table.ts'

export function costSection(cost: unknown): Markup | undefined {
  if (!isCost(cost)) return undefined
  const [dayHeads = [], ...days] = dayRows(cost)
  return html`<section aria-labelledby="cost">
    <h2 id="cost">What a cluster costs idle, and what a request adds</h2>
    <p class="lead">${caption(cost).replaceAll('**', '')}</p>
    ${table('CPU time, idle and by request', costHeads(), costRows(cost))}
    ${table('A day, in hours of one core', dayHeads, days)}
  </section> `
}

function isCost(cost: unknown): cost is CostResult {
  const { schema, bench } = (cost ?? {}) as Partial<CostResult>
  return schema === COST_SCHEMA && bench === 'cost'
}
