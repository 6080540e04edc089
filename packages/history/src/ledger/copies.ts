import { LOGGED_OUT } from '../trace/events.ts'
import type { Copy, Done, Moment } from './visit.ts'

/** The node's copy; empty if the node did not answer. */
export function copyOf({ sent, ended }: Done, moment: Moment): readonly Copy[] {
  const { node: askedNode = '' } = sent
  if (ended.why === LOGGED_OUT) return [{ ...moment, askedNode, content: '' }]
  if (ended.outcome !== 'ok') return []
  const items = (ended.items ?? []).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [{ ...moment, askedNode, content: `${ended.as} ${JSON.stringify(items)}` }]
}
