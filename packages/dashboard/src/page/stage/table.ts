/** The stage as a table: for a screen reader, and in sight for people who want no motion. */
import { lifeOf } from '@ninelives/history'
import { byId, element, setText } from '../base/dom.ts'
import { figure, lifeWord, word } from '../base/words.ts'
import { census } from '../data/census.ts'
import type { Moment } from '../data/moment.ts'

/** A screen reader that reads it must not have it change under its cursor all the time. */
const CHANGES_EVERY_MS = 1_000

let shownMs = -CHANGES_EVERY_MS
let shownFor = ''

/** `jump`: another instant is shown, at once. */
export function showTable(moment: Moment, jump: boolean): void {
  const { state } = moment
  const language = document.documentElement.lang
  const about = [state.run, language, ...state.nodes.map((node) => node.name + lifeOf(node))].join()
  const nowMs = performance.now()
  if (!jump && about === shownFor && nowMs - shownMs < CHANGES_EVERY_MS) return
  shownMs = nowMs
  shownFor = about
  const { nodes, out, away } = census(moment)
  const rows = [
    ...state.nodes.map((node, index) => [
      word('node', { name: node.name }),
      node.state === 'up' && node.ejected ? word('waitingForTraffic') : lifeWord(lifeOf(node)),
      figure(nodes[index]?.in ?? 0),
      figure(nodes[index]?.out ?? 0),
    ]),
    [word('tableAll'), '', figure(nodes.reduce((sum, node) => sum + node.in, 0)), figure(out)],
    [word('awayTray'), '', figure(away), ''],
  ]
  const body = byId('stage-rows', HTMLTableSectionElement)
  while (body.rows.length > rows.length) body.deleteRow(-1)
  while (body.rows.length < rows.length) body.append(rowOf())
  for (const [row, texts] of rows.entries())
    for (const [column, text] of texts.entries()) {
      const cell = body.rows[row]?.cells[column]
      if (cell !== undefined) setText(cell, text)
    }
}

function rowOf(): HTMLTableRowElement {
  const head = element('th', '')
  head.scope = 'row'
  return element('tr', '', head, element('td', ''), element('td', 'number'), element('td', 'number'))
}
