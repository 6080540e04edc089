/**
 * An anomaly as a space-time diagram: time runs downwards, each tab and each node has a line, and an operation is a message from its
 * tab to the node that answered, and back. Time is not to scale: a gap is as high as the logarithm of its length.
 */
import type { OperationEnded, OperationSent, TraceEvent } from '@ninelives/history'
import { operationText } from '../terminal/verdict.ts'
import { html, type Markup } from './markup.ts'
import { round } from './timeline.ts'

interface Operation {
  readonly sent: OperationSent
  readonly ended: OperationEnded | undefined
  readonly from: string
  readonly to: string | undefined
}

interface Mark {
  readonly atMs: number
  readonly text: string
  readonly lanes: readonly string[]
}

interface Place {
  readonly x: (lane: string) => number
  readonly y: (ms: number) => number
  readonly right: number
  /** The id of the arrow's tip. */
  readonly tip: string
}

const [TOP, LANE, MARGIN, TEXT] = [36, 110, 70, 620]
const [GAP_MIN, GAP_LOG] = [14, 9]

/**
 * `events` are those of the run other than operations, `evidence` the operations that prove the anomaly. `name` is another for each diagram
 * of a page.
 */
export function spaceTime(evidence: readonly TraceEvent[], events: readonly TraceEvent[], name: string): Markup {
  const tip = `tip-${name}`
  const operations = operationsOf(evidence)
  const fromMs = Math.min(...operations.map(({ sent }) => sent.sentAtMs))
  const untilMs = Math.max(...operations.map(({ sent, ended }) => ended?.endedAtMs ?? sent.sentAtMs))
  const marks = marksOf(events, fromMs, untilMs)
  const tabs = [...new Set(operations.map(({ from }) => from))].toSorted()
  const nodes = [
    ...new Set(operations.flatMap(({ to }) => to ?? []).concat(marks.flatMap(({ lanes }) => lanes))),
  ].toSorted()
  const lanes = [...tabs, ...nodes]
  const x = (lane: string): number => MARGIN + lanes.indexOf(lane) * LANE
  const instants = operations.flatMap(({ sent, ended }) => [sent.sentAtMs, ...(ended ? [ended.endedAtMs] : [])])
  const y = heights([...instants, ...marks.map(({ atMs }) => atMs)])
  const right = MARGIN + (lanes.length - 1) * LANE + 40
  const bottom = y(untilMs) + 24
  return html`<svg
    viewBox="0 0 ${right + TEXT} ${bottom + 10}"
    role="img"
    aria-label="The operations that prove it, in time"
  >
    <defs>
      <marker id="${tip}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
        <path d="M0 0 8 4 0 8z" fill="context-stroke" />
      </marker>
    </defs>
    ${lanes.map(
      (lane) =>
        html`<text x="${x(lane)}" y="14" text-anchor="middle">${lane}</text>
          <line class="lane" x1="${x(lane)}" x2="${x(lane)}" y1="22" y2="${bottom}" />`,
    )}
    ${marks.map(
      ({ atMs, text, lanes: hit }) =>
        html`<line class="fault" x1="${MARGIN - 40}" x2="${right}" y1="${y(atMs)}" y2="${y(atMs)}" />
          ${hit.map((lane) => html`<circle class="mark" cx="${x(lane)}" cy="${y(atMs)}" r="5" />`)}
          <text x="${right + 8}" y="${y(atMs) + 4}" class="quiet">${text}</text>`,
    )}
    ${operations.map((each) => drawn(each, { x, y, right, tip }))}
  </svg>`
}

function drawn({ sent, ended, from, to }: Operation, { x, y, right, tip }: Place): Markup {
  const style = ended === undefined || ended.outcome === 'unknown' ? 'open' : ended.outcome
  const [begin, end] = [y(sent.sentAtMs), y(ended?.endedAtMs ?? sent.sentAtMs + 1)]
  const there = to === undefined ? x(from) + LANE / 3 : x(to)
  const middle = round((begin + end) / 2)
  return html`<line class="${style}" stroke-width="5" x1="${x(from)}" x2="${x(from)}" y1="${begin}" y2="${end}" />
    <line
      class="${style} message"
      x1="${x(from)}"
      y1="${begin}"
      x2="${there}"
      y2="${middle}"
      marker-end="url(#${tip})"
    />
    ${
      ended?.outcome === undefined || to === undefined
        ? undefined
        : html`<line
            class="${style} message"
            x1="${there}"
            y1="${middle}"
            x2="${x(from)}"
            y2="${end}"
            marker-end="url(#${tip})"
          />`
    }
    <text x="${right + 8}" y="${begin + 4}">${operationText(sent, ended)}</text>`
}

function operationsOf(evidence: readonly TraceEvent[]): readonly Operation[] {
  const ends = new Map(
    evidence.flatMap((event) => (event.type === 'operation-ended' ? [[event.op, event] as const] : [])),
  )
  return evidence.flatMap((sent): Operation[] => {
    if (sent.type !== 'operation-sent') return []
    const ended = ends.get(sent.op)
    const node = ended?.node ?? sent.node
    return [{ sent, ended, from: `${sent.user} tab ${sent.tab}`, to: node === undefined ? undefined : `node ${node}` }]
  })
}

/** The faults and deaths of that time. */
function marksOf(events: readonly TraceEvent[], fromMs: number, untilMs: number): readonly Mark[] {
  const faults = new Map(
    events.flatMap((event) => (event.type === 'fault-injected' ? [[event.fault, event] as const] : [])),
  )
  return events.flatMap((event): Mark[] => {
    const { atMs } = event
    if (atMs < fromMs || atMs > untilMs) return []
    if (event.type === 'node-up') return [{ atMs, text: `node ${event.node} is back`, lanes: [`node ${event.node}`] }]
    const fault = event.type === 'fault-confirmed' ? faults.get(event.fault) : undefined
    if (fault === undefined) return []
    const { kind, point, target } = fault
    const names = /^[\w,]+$/.test(target) && target !== 'store' ? target.split(',').map((name) => `node ${name}`) : []
    return [{ atMs, text: `${kind}${point === undefined ? '' : ` ${point}`} of ${target}`, lanes: names }]
  })
}

function heights(instants: readonly number[]): (ms: number) => number {
  const sorted = [...new Set(instants)].toSorted((a, b) => a - b)
  const places = new Map<number, number>()
  let at = TOP
  for (const [index, ms] of sorted.entries()) {
    if (index > 0) at += GAP_MIN + GAP_LOG * Math.log10(1 + ms - (sorted[index - 1] ?? ms))
    places.set(ms, round(at))
  }
  return (ms) => places.get(ms) ?? round(at + GAP_MIN)
}
