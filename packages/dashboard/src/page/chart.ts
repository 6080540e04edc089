/**
 * The last minute of the users, one bar a second: operations that succeeded, failures, logouts; below the line the lost items.
 * It is redrawn each second, which for some two hundred rectangles is cheaper than updating them.
 */
import { RECENT_SECONDS, type SecondOfUsers } from '@ninelives/history'

export interface Death {
  readonly node: string
  readonly atMs: number
}

const SVG = 'http://www.w3.org/2000/svg'
const MARGIN = { top: 20, right: 12, bottom: 46, left: 36 }
const GAP = 1.5
/** The least value at the top of the scale. */
const SCALE_MIN = 10
const LOST_HEIGHT_MAX = 22

export function drawChart(
  svg: SVGSVGElement,
  recent: readonly SecondOfUsers[],
  deaths: readonly Death[],
  nowMs: number,
): void {
  const { width, height } = svg.getBoundingClientRect()
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  const step = (width - MARGIN.left - MARGIN.right) / RECENT_SECONDS
  const floor = height - MARGIN.bottom
  const top = scaleTop(Math.max(...recent.map(({ ok, errors, loggedOut }) => ok + errors + loggedOut)))
  const unit = (floor - MARGIN.top) / top
  const bars = recent.flatMap((second, index) => {
    const x = MARGIN.left + (RECENT_SECONDS - recent.length + index) * step
    return bar(second, { x, floor, unit, width: Math.max(1, step - GAP) })
  })
  const newestMs = recent.at(-1)?.atMs ?? nowMs
  const xOf = (atMs: number): number => MARGIN.left + (RECENT_SECONDS - (newestMs - atMs) / 1_000) * step
  const marks = deaths
    .filter(({ atMs }) => newestMs - atMs < RECENT_SECONDS * 1_000)
    .flatMap((death) => deathMark(death, Math.min(xOf(death.atMs), width - MARGIN.right), floor))
  svg.replaceChildren(...scale(top, floor, width), ...bars, ...marks)
}

/** A round number above the highest bar. */
function scaleTop(highest: number): number {
  const least = Math.max(SCALE_MIN, highest)
  const magnitude = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 3, 5, 10].map((factor) => factor * magnitude).find((round) => round >= least) ?? least
}

function scale(top: number, floor: number, width: number): SVGElement[] {
  return [
    shape('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: floor + 0.5, y2: floor + 0.5 }),
    shape('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: MARGIN.top, y2: MARGIN.top }),
    label(String(top), { x: MARGIN.left - 6, y: MARGIN.top + 4, 'text-anchor': 'end' }),
    label('0', { x: MARGIN.left - 6, y: floor + 4, 'text-anchor': 'end' }),
    label('60 s ago', { x: MARGIN.left, y: floor + 40 }),
    label('now', { x: width - MARGIN.right, y: floor + 40, 'text-anchor': 'end' }),
  ]
}

interface Place {
  readonly x: number
  readonly floor: number
  readonly unit: number
  readonly width: number
}

/** Stacked upwards from the line, failures first, so that even a few are visible. */
function bar({ ok, errors, loggedOut, lost }: SecondOfUsers, { x, floor, unit, width }: Place): SVGElement[] {
  let y = floor
  const parts = [
    { className: 'failed', n: errors },
    { className: 'logged-out', n: loggedOut },
    { className: 'ok', n: ok },
  ].map(({ className, n }) => {
    const height = n === 0 ? 0 : Math.max(className === 'ok' ? 0 : 3, n * unit)
    y -= height
    return shape('rect', { class: className, x, y, width, height })
  })
  const below = lost === 0 ? 0 : Math.min(LOST_HEIGHT_MAX, 4 + lost * unit)
  return [...parts, shape('rect', { class: 'lost', x, y: floor + 1, width, height: below })]
}

function deathMark({ node }: Death, x: number, floor: number): SVGElement[] {
  return [
    shape('line', { class: 'death', x1: x, x2: x, y1: 14, y2: floor }),
    label(node, { class: 'death-label', x, y: 11, 'text-anchor': 'middle' }),
  ]
}

function label(text: string, attributes: Record<string, string | number>): SVGElement {
  const made = shape('text', attributes)
  made.textContent = text
  return made
}

function shape(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
