/** The course of a run as a picture: what each node was at, when the faults stood, and what the users got each second. */
import { initialState, lifeOf, reduce, sum, type ToldLife, type TraceEvent } from '@ninelives/history'
import { html, type Markup } from './markup.ts'

const [WIDTH, LEFT, LANE, BARS] = [1_000, 90, 22, 60]
/** Beyond that, a bar is the mean of several seconds. */
const BARS_MAX = 300

interface Span {
  readonly lane: string
  readonly life: ToldLife
  readonly fromMs: number
  untilMs: number
}

interface Ongoing {
  readonly id: string
  readonly what: string
  readonly fromMs: number
  untilMs: number
}

interface Second {
  readonly atMs: number
  readonly ok: number
  readonly rest: number
}

/** `events` are those other than operations. */
export function timeline(events: readonly TraceEvent[]): Markup {
  const endMs = Math.max(1, events.at(-1)?.atMs ?? 1)
  const x = (ms: number): number => round(LEFT + ((WIDTH - LEFT) * Math.min(ms, endMs)) / endMs)
  const { spans, lanes } = lives(events, endMs)
  const faults = ongoing(events, endMs)
  const seconds = secondsOf(events)
  const top = 16
  const under = top + lanes.length * LANE
  const most = Math.max(1, ...seconds.map(({ ok, rest }) => ok + rest))
  const height = (n: number): number => round((BARS * n) / most)
  const base = under + 14 + BARS
  const wide = Math.max(1, (WIDTH - LEFT) / Math.max(1, endMs / 1_000) - 1)
  return html`<svg
    viewBox="0 0 ${WIDTH} ${base + 20}"
    role="img"
    aria-label="The nodes, the faults, and the operations of each second"
  >
    ${lanes.map((lane, index) => {
      const y = top + index * LANE
      return html`<text x="0" y="${y + 12}">${lane}</text>${spans
          .filter((span) => span.lane === lane)
          .map(
            ({ life, fromMs, untilMs }) =>
              html`<rect
                class="${life === 'up' ? 'up' : life === 'down' ? 'down' : 'paused'}"
                x="${x(fromMs)}"
                y="${y + 3}"
                width="${Math.max(1, round(x(untilMs) - x(fromMs)))}"
                height="12"
              >
                <title>${lane}: ${life} from ${secondsText(fromMs)} to ${secondsText(untilMs)}</title>
              </rect>`,
          )}`
    })}
    ${faults.map(
      ({ what, fromMs, untilMs }) =>
        html`<rect class="mark" x="${x(fromMs)}" y="2" width="${Math.max(2, round(x(untilMs) - x(fromMs)))}" height="6">
            <title>${what}, ${secondsText(fromMs)} to ${secondsText(untilMs)}</title>
          </rect>
          <line class="fault" x1="${x(fromMs)}" x2="${x(fromMs)}" y1="8" y2="${base}" />`,
    )}
    <text x="0" y="9" class="quiet">faults</text>
    <text x="0" y="${base - BARS + 10}">users</text>
    <text x="0" y="${base - BARS + 24}" class="quiet">${most} a second</text>
    ${seconds.map(
      ({ atMs, ok, rest }) =>
        html`<rect class="up" x="${x(atMs)}" y="${base - height(ok)}" width="${round(wide)}" height="${height(ok)}" />
          ${
            rest === 0
              ? undefined
              : html`<rect
                  class="failed"
                  x="${x(atMs)}"
                  y="${base - height(ok + rest)}"
                  width="${round(wide)}"
                  height="${Math.max(2, height(rest))}"
                >
                  <title>${secondsText(atMs)}: ${rest} not ok</title>
                </rect>`
          }`,
    )}
    <line class="axis" x1="${LEFT}" x2="${WIDTH}" y1="${base}" y2="${base}" />
    <text x="${LEFT}" y="${base + 15}" class="quiet">0 s</text>
    <text x="${WIDTH}" y="${base + 15}" class="quiet" text-anchor="end">${secondsText(endMs)}</text>
  </svg>`
}

function lives(events: readonly TraceEvent[], endMs: number): { spans: readonly Span[]; lanes: readonly string[] } {
  const spans: Span[] = []
  const present = new Map<string, Span>()
  let state = initialState
  for (const event of events) {
    state = reduce(state, event)
    for (const node of state.nodes) {
      const life = lifeOf(node)
      const lane = `node ${node.name}`
      const last = present.get(lane)
      if (last?.life === life) continue
      if (last !== undefined) last.untilMs = event.atMs
      const span: Span = { lane, life, fromMs: event.atMs, untilMs: endMs }
      spans.push(span)
      present.set(lane, span)
    }
    // Its end is not to be seen as deaths.
    if (event.type === 'run-ended') break
  }
  return { spans, lanes: [...present.keys()] }
}

function ongoing(events: readonly TraceEvent[], endMs: number): readonly Ongoing[] {
  const names = new Map<string, string>()
  const faults = new Map<string, Ongoing>()
  for (const event of events) {
    if (event.type === 'fault-injected') {
      const { fault, kind, point, target } = event
      names.set(fault, `${kind}${point === undefined ? '' : ` ${point}`} of ${target}`)
    }
    if (event.type === 'fault-confirmed') {
      const { fault: id, atMs } = event
      faults.set(id, { id, what: names.get(id) ?? id, fromMs: atMs, untilMs: endMs })
    }
    if (event.type !== 'fault-healed') continue
    const fault = faults.get(event.fault)
    if (fault !== undefined) fault.untilMs = event.atMs
  }
  return [...faults.values()]
}

function secondsOf(events: readonly TraceEvent[]): readonly Second[] {
  const all = events.flatMap((event): Second[] => {
    if (event.type !== 'users-second') return []
    const { atMs, ok, failed, unknown } = event
    return [{ atMs: Math.max(0, atMs - 1_000), ok, rest: sum(failed) + sum(unknown) }]
  })
  const each = Math.max(1, Math.ceil(all.length / BARS_MAX))
  return Array.from({ length: Math.ceil(all.length / each) }, (_, index) => {
    const some = all.slice(index * each, (index + 1) * each)
    const mean = (of: (second: Second) => number): number =>
      Math.ceil(some.reduce((total, second) => total + of(second), 0) / some.length)
    return { atMs: some[0]?.atMs ?? 0, ok: mean(({ ok }) => ok), rest: mean(({ rest }) => rest) }
  })
}

export function secondsText(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

export function round(n: number): number {
  return Math.round(n * 10) / 10
}
