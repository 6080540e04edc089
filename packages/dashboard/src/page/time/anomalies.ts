/** What the checkers found, and the operations that prove one of it as a diagram: time runs to the right, a line goes to a node and back. */
import type { FoundAnomaly, Incident, ShownOperation } from '@ninelives/history'
import { byId, setText } from '../base/dom.ts'
import { proofText } from '../base/proofs.ts'
import { whyText } from '../base/reasons.ts'
import { duration, figure, isWord, word } from '../base/words.ts'
import type { Moment } from '../data/moment.ts'
import { kindName } from './time.ts'

const SVG = 'http://www.w3.org/2000/svg'
const COLUMN = 168
const ROW = 34
const LEFT = 76
const RIGHT = 60
const TOP = 22
const OPERATIONS_MAX = 6

export class Anomalies {
  #shownId: number | undefined
  #drawn = ''

  show(moment: Moment, operations: number): void {
    const { found, anomalies } = moment
    const kinds = Object.entries(found)
    const isClean = kinds.length === 0
    setText(
      byId('verdict-text', HTMLElement),
      isClean
        ? word('noAnomaly', { n: operations })
        : kinds.map(([kind, n]) => `${anomalyName(kind)} × ${figure(n)}`).join(', '),
    )
    byId('verdict', HTMLElement).dataset['clean'] = String(isClean)
    const shown = anomalies.find(({ id }) => id === this.#shownId) ?? anomalies.at(-1)
    const about = shown === undefined ? '' : `${shown.id} ${document.documentElement.lang}`
    if (about === this.#drawn) return
    this.#drawn = about
    const diagram = byId('diagram', HTMLElement)
    diagram.hidden = shown === undefined
    if (shown === undefined) return
    setText(byId('diagram-text', HTMLElement), `${proofText(shown)}.`)
    byId('diagram-picture', HTMLElement).replaceChildren(draw(shown, moment))
  }

  /** The anomaly after that time, or before it. */
  pick(moment: Moment, fromMs: number, isNext: boolean): FoundAnomaly | undefined {
    const { anomalies } = moment
    const found = isNext
      ? anomalies.find(({ atMs }) => atMs > fromMs + 1)
      : anomalies.findLast(({ atMs }) => atMs < fromMs - 1)
    this.#shownId = found?.id
    return found
  }

  follow(): void {
    this.#shownId = undefined
  }
}

export function anomalyName(kind: string): string {
  const name = `anomaly-${kind}`
  return isWord(name) ? word(name) : kind
}

function draw({ ops, user }: FoundAnomaly, { nodes, incidents }: Moment): SVGElement {
  const shown = ops.toSorted((a, b) => a.sentAtMs - b.sentAtMs).slice(-OPERATIONS_MAX)
  const rows = [user, ...nodes]
  const columns = columnsOf(shown, incidents)
  const width = LEFT + columns.length * COLUMN + RIGHT
  const height = TOP + rows.length * ROW
  const y = (row: number): number => TOP + row * ROW + ROW / 2
  const parts: SVGElement[] = rows.flatMap((name, row) => [
    shape('line', { class: 'lane', x1: LEFT, x2: width - RIGHT, y1: y(row), y2: y(row) }),
    label(row === 0 ? name : word('node', { name }), { class: 'lane-name', x: 0, y: y(row) + 4 }),
  ])
  for (const [index, column] of columns.entries()) {
    const x = LEFT + index * COLUMN
    if (index > 0)
      parts.push(label(`+ ${duration(column.atMs - (columns[index - 1]?.atMs ?? 0))}`, { class: 'gap', x, y: 12 }))
    if (column.incident === undefined) parts.push(...drawOperation(column.operation, nodes, x, y))
    else parts.push(...drawIncident(column.incident, nodes, x, y))
  }
  const svg = shape('svg', {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: 'img',
    'aria-labelledby': 'diagram-text',
  })
  svg.append(...parts)
  return svg
}

type Column =
  | { readonly atMs: number; readonly operation: ShownOperation; readonly incident?: undefined }
  | { readonly atMs: number; readonly operation?: undefined; readonly incident: Incident }

/** The operations, and the incidents between the first and the last. */
function columnsOf(ops: readonly ShownOperation[], incidents: readonly Incident[]): readonly Column[] {
  const [from, to] = [ops[0]?.sentAtMs ?? 0, ops.at(-1)?.endedAtMs ?? 0]
  const between = incidents.filter(({ atMs }) => atMs >= from && atMs <= to).slice(-2)
  const columns: Column[] = [
    ...ops.map((operation) => ({ atMs: operation.sentAtMs, operation })),
    ...between.map((incident) => ({ atMs: incident.atMs, incident })),
  ]
  return columns.sort((a, b) => a.atMs - b.atMs)
}

function drawOperation(
  { kind, outcome, why, node, sku }: ShownOperation,
  nodes: readonly string[],
  x: number,
  y: (row: number) => number,
): SVGElement[] {
  const row = node === undefined ? -1 : nodes.indexOf(node)
  const bottom = row === -1 ? y(0) + ROW / 2 : y(row + 1)
  const isOut = why === 'logged-out'
  const name = isOut ? 'out' : outcome
  const [begin, middle, end] = [x + 12, x + COLUMN / 2 - 10, x + COLUMN - 32]
  const isOk = outcome === 'ok'
  const answer = isOk ? '✓' : isOut ? word('legendOut') : why === undefined ? word('whyUnknown') : whyText(why)
  const item = sku === undefined ? '' : ` ${sku.split('.').at(-1)}`
  return [
    shape('path', { class: `way ${name}`, d: `M${begin} ${y(0)} L${middle} ${bottom} L${end} ${y(0)}` }),
    shape('circle', { class: 'point', cx: begin, cy: y(0), r: 3.5 }),
    shape('circle', { class: `point ${name}`, cx: end, cy: y(0), r: 4.5 }),
    label(`${word(`op-${kind}`)}${item}`, { class: 'op-name', x: begin - 4, y: y(0) - 9 }),
    // It ends above the answer's point, so that it has the room that the operation's name leaves.
    label(answer, { class: `answer ${name}`, x: end + (isOk ? 6 : 22), y: y(0) - 9, 'text-anchor': 'end' }),
  ]
}

function drawIncident(
  { cause, target, kind }: Incident,
  nodes: readonly string[],
  x: number,
  y: (row: number) => number,
): SVGElement[] {
  const row = Math.max(0, nodes.indexOf(target) + 1)
  const middle = x + 30
  const isDeath = deaths.has(cause)
  const mark = isDeath
    ? shape('path', { class: 'death', d: `M${middle - 6} ${y(row) - 6} l12 12 m0 -12 l-12 12` })
    : shape('circle', { class: 'fault', cx: middle, cy: y(row), r: 6 })
  const name = kindName(isDeath ? 'down' : (kind ?? KIND_OF[cause] ?? cause))
  return [mark, label(name, { class: isDeath ? 'death-name' : 'fault-name', x: middle + 12, y: y(row) + 4 })]
}

const deaths: ReadonlySet<Incident['cause']> = new Set(['killed', 'died', 'store-down', 'balancer-down'])
/** Where no fault of the lab is the cause. */
const KIND_OF: Readonly<Partial<Record<Incident['cause'], string>>> = { drained: 'drain', paused: 'pause' }

function label(text: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = shape('text', attributes)
  made.textContent = text
  return made
}

function shape(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
