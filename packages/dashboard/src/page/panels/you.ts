/** The visitor of the shop, a real browser beside the crowd: which node answers it, and what the death of that node meant to it. */
import type { ClusterState, VisitorState } from '@ninelives/history'
import { byId, setText } from '../base/dom.ts'
import { duration, word } from '../base/words.ts'

/** A death so long ago is no news any more. */
const NEWS_MS = 60_000

export function showYou({ visitors }: ClusterState, nowMs: number): void {
  const line = byId('you', HTMLElement)
  const visitor = visitors.at(-1)
  line.hidden = visitor === undefined
  if (visitor !== undefined) setText(line, told(visitor, nowMs))
}

function told({ node, user = '', standing, death }: VisitorState, nowMs: number): string {
  const isNews = death !== undefined && nowMs - death.atMs < NEWS_MS
  if (standing === 'out') return isNews ? word('youOutByDeath', { dead: death.node, node }) : word('youOut', { node })
  if (isNews) {
    const values = { dead: death.node, time: duration(nowMs - death.atMs), node: death.next ?? '', user }
    if (death.next === undefined) return word('youWait', values)
    return word(standing === 'in' ? 'youSurvived' : 'youVisited', values)
  }
  return standing === 'in' ? word('youIn', { user, node }) : word('youVisitor', { node })
}
