/** Time: requests against what was offered, latency, sessions lost and faults on one axis, with a crosshair that can be moved. */
import uPlot from 'uplot'
import { currentColours, onColours } from '../base/colours.ts'
import { byId, setText } from '../base/dom.ts'
import { duration, figure, isWord, word } from '../base/words.ts'
import type { Chronicle, Span } from '../data/chronicle.ts'
import { type ChartOptions, clock, makeChart, plain } from './chart.ts'

const LANE_HEIGHT = 20
const LATENCY = { min: 0.5, max: 20_000 }
const LATENCY_TICKS = [1, 10, 100, 1_000, 10_000]
/** A second with so small a share of the offered load is a collapse. */
const COLLAPSED = 0.5
/** No fault of the node's. */
const MILD: ReadonlySet<string> = new Set(['starting', 'draining', 'stopped', 'unused'])
const WINDOWS_MS = [60_000, 300_000, Number.POSITIVE_INFINITY]

export interface TimeView {
  readonly startedAtMs: number
  readonly fromMs: number
  readonly nowMs: number
  /** The time that is shown, if it is not the newest. */
  readonly atMs: number | undefined
  readonly lanes: readonly string[]
}

export class Time {
  readonly #chronicle: Chronicle
  readonly #seek: (ms: number) => void
  #view: TimeView = { startedAtMs: 0, fromMs: 0, nowMs: 0, atMs: undefined, lanes: [] }
  #charts: uPlot[] = []
  #lanes = ''
  #window = 0
  /** Fixed while a past time is shown. */
  #range: readonly [number, number] = [0, 1]
  #pointedMs: number | undefined

  constructor(chronicle: Chronicle, seek: (ms: number) => void) {
    this.#chronicle = chronicle
    this.#seek = seek
    onColours(() => this.#redraw())
    byId('window', HTMLSelectElement).addEventListener('change', ({ target }) => {
      this.#window = (target as HTMLSelectElement).selectedIndex
      this.#follow()
      this.show(this.#view)
    })
  }

  show(view: TimeView): void {
    this.#view = view
    const lanes = view.lanes.join()
    if (lanes !== this.#lanes) this.#build(lanes)
    if (view.atMs === undefined) this.#follow()
    else this.#include(view.atMs)
    const { atMs, offered, ok, p50, p99, out, lost } = this.#chronicle
    const times = atMs.map((ms) => ms / 1_000)
    const data: uPlot.AlignedData[] = [[times, offered, ok], [times, p50, p99], [times, out, lost], [times]]
    const [min, max] = this.#range.map((ms) => ms / 1_000) as [number, number]
    for (const [index, chart] of this.#charts.entries()) {
      chart.batch(() => {
        chart.setData(data[index] ?? [times], false)
        chart.setScale('x', { min, max })
        chart.setScale('y', this.#scaleOf(index))
      })
    }
    this.#read()
  }

  /** The charts' words are in the other language. */
  translate(): void {
    this.#lanes = ''
  }

  #follow(): void {
    const { nowMs, fromMs } = this.#view
    const span = WINDOWS_MS[this.#window] ?? 60_000
    this.#range = [Number.isFinite(span) ? nowMs - span : fromMs, nowMs]
  }

  #include(ms: number): void {
    const [from, to] = this.#range
    if (ms >= from && ms <= to) return
    const half = (to - from) / 2
    this.#range = [ms - half, ms + half]
  }

  #scaleOf(index: number): { min: number; max: number } {
    const { offered, ok, out, lost } = this.#chronicle
    if (index === 0) return { min: 0, max: roundAbove(Math.max(10, ...offered.slice(-300), ...ok.slice(-300))) }
    if (index === 1) return LATENCY
    if (index === 2) return { min: 0, max: roundAbove(Math.max(4, out.at(-1) ?? 0, lost.at(-1) ?? 0)) }
    return { min: 0, max: 1 }
  }

  #build(lanes: string): void {
    this.#lanes = lanes
    for (const chart of this.#charts) chart.destroy()
    const common = {
      startedAtMs: () => this.#view.startedAtMs,
      pointed: (seconds: number | undefined) => {
        this.#pointedMs = seconds === undefined ? undefined : seconds * 1_000
        this.#read()
      },
      seek: (seconds: number) => this.#seek(seconds * 1_000),
      under: (chart: uPlot) => this.#shade(chart),
      over: (chart: uPlot) => this.#mark(chart),
    }
    const stepped = uPlot.paths.stepped?.({ align: 1 })
    const steps = stepped === undefined ? {} : { paths: stepped }
    const at = (id: string, options: Omit<ChartOptions, keyof typeof common>): uPlot =>
      makeChart(byId(id, HTMLElement), { ...common, ...options })
    const laneCount = this.#view.lanes.length
    this.#charts = [
      at('chart-rate', {
        height: 132,
        series: [line('soft', { dash: [5, 4], width: 1.25 }), line('ok', { fill })],
        y: { values: (_chart, values) => plain(values), space: 34 },
        scale: { auto: false },
      }),
      at('chart-latency', {
        height: 150,
        series: [line('ok', { width: 1.5 }), line('soft', { width: 1.5, dash: [2, 3] })],
        y: {
          splits: () => LATENCY_TICKS,
          values: (_chart, values) => plain(values),
          filter: (_chart, splits) => splits,
        },
        scale: { auto: false, distr: 3 },
      }),
      at('chart-lost', {
        height: 96,
        series: [line('out', steps), line('lost', { ...steps, dash: [6, 3] })],
        y: {
          values: (_chart, values) => plain(values.map((value) => (Number.isInteger(value) ? value : null))),
          space: 26,
        },
        scale: { auto: false },
      }),
      at('chart-faults', {
        height: laneCount * LANE_HEIGHT + 36,
        series: [],
        y: { grid: { show: false }, values: () => [] },
        scale: { auto: false },
        hasTimes: true,
      }),
    ]
  }

  #redraw(): void {
    for (const chart of this.#charts) chart.redraw()
  }

  /** Below the lines: when nodes were away; and single operations, or the lanes of the faults. */
  #shade(chart: uPlot): void {
    const index = this.#charts.indexOf(chart)
    if (index === 3 || this.#charts.length === 0) return this.#drawLanes(chart)
    const { ctx, bbox } = chart
    const colours = currentColours()
    ctx.save()
    clipTo(chart)
    for (const span of this.#visible(chart)) {
      ctx.globalAlpha = span.kind === 'starting' || span.kind === 'unused' || span.kind === 'stopped' ? 0.04 : 0.1
      ctx.fillStyle = colourOf(span)
      ctx.fillRect(span.from, bbox.top, Math.max(1, span.to - span.from), bbox.height)
    }
    ctx.globalAlpha = 1
    if (index === 1) this.#drawPoints(chart)
    ctx.restore()
    ctx.fillStyle = colours.soft
  }

  #drawPoints(chart: uPlot): void {
    const { pointAtMs, pointMs, pointOutcome } = this.#chronicle
    const { ctx, scales, bbox } = chart
    const colours = currentColours()
    const [min, max] = [(scales['x']?.min ?? 0) * 1_000, (scales['x']?.max ?? 1) * 1_000]
    const perMs = bbox.width / Math.max(1, max - min)
    const size = devicePixelRatio * 1.1
    const [low, span] = [Math.log(LATENCY.min), Math.log(LATENCY.max / LATENCY.min)]
    const place = (at: number): readonly [number, number] => [
      bbox.left + ((pointAtMs[at] ?? 0) - min) * perMs,
      bbox.top + bbox.height * (1 - (Math.log(Math.max(LATENCY.min, pointMs[at] ?? 0)) - low) / span),
    ]
    const isThere = (at: number): boolean => (pointAtMs[at] ?? 0) >= min && (pointAtMs[at] ?? 0) <= max
    const bad: number[] = []
    ctx.globalAlpha = 0.42
    ctx.fillStyle = colours.ok
    for (let at = 0; at < pointAtMs.length; at++) {
      if (!isThere(at)) continue
      if (pointOutcome[at] !== 0) {
        bad.push(at)
        continue
      }
      const [x, y] = place(at)
      ctx.fillRect(x - size, y - size, size * 2, size * 2)
    }
    ctx.globalAlpha = 1
    ctx.lineWidth = devicePixelRatio * 1.4
    for (const at of bad) {
      const [x, y] = place(at)
      cross(
        ctx,
        x,
        y,
        size * 2.2,
        [colours.ok, colours.failed, colours.unknown, colours.out][pointOutcome[at] ?? 1] ?? '',
      )
    }
  }

  #drawLanes(chart: uPlot): void {
    const { ctx, bbox } = chart
    const colours = currentColours()
    const { lanes } = this.#view
    const step = bbox.height / Math.max(1, lanes.length)
    const font = `${12 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`
    ctx.save()
    ctx.font = font
    ctx.textBaseline = 'middle'
    ctx.textAlign = 'right'
    ctx.fillStyle = colours.soft
    for (const [index, lane] of lanes.entries())
      ctx.fillText(laneName(lane), bbox.left - 8 * devicePixelRatio, bbox.top + (index + 0.5) * step)
    clipTo(chart)
    ctx.strokeStyle = colours.edge
    ctx.lineWidth = devicePixelRatio
    for (const index of lanes.keys()) {
      ctx.beginPath()
      ctx.moveTo(bbox.left, bbox.top + (index + 0.5) * step)
      ctx.lineTo(bbox.left + bbox.width, bbox.top + (index + 0.5) * step)
      ctx.stroke()
    }
    ctx.textAlign = 'left'
    for (const span of this.#visible(chart)) {
      const index = lanes.indexOf(span.lane)
      if (index === -1) continue
      const top = bbox.top + index * step + step * 0.12
      const isMild = MILD.has(span.kind)
      const width = Math.max(3 * devicePixelRatio, span.to - span.from)
      ctx.fillStyle = colourOf(span)
      ctx.globalAlpha = isMild ? 0.35 : 0.9
      ctx.fillRect(span.from, top, width, step * 0.76)
      ctx.globalAlpha = 1
      const name = kindName(span.kind)
      const visible = span.to - Math.max(span.from, bbox.left)
      if (ctx.measureText(name).width + 10 * devicePixelRatio > visible) continue
      ctx.fillStyle = isMild ? colours.ink : colours.surface
      ctx.fillText(name, Math.max(span.from, bbox.left) + 5 * devicePixelRatio, bbox.top + (index + 0.5) * step)
    }
    ctx.restore()
  }

  /** Above the lines: what happened, in words, and the time that is shown. */
  #mark(chart: uPlot): void {
    const { ctx, bbox } = chart
    const colours = currentColours()
    const index = this.#charts.indexOf(chart)
    ctx.save()
    clipTo(chart)
    ctx.font = `600 ${11 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`
    ctx.textBaseline = 'top'
    ctx.textAlign = 'left'
    if (index === 0) {
      let freeFrom = Number.NEGATIVE_INFINITY
      for (const span of this.#visible(chart)) {
        if (span.kind === 'starting' || span.kind === 'unused' || span.from < freeFrom) continue
        const text = `${laneName(span.lane)} ${kindName(span.kind)}`
        ctx.fillStyle = colourOf(span)
        // What has just happened is at the right edge, where its name has no room after it.
        const x = Math.min(span.from + 3 * devicePixelRatio, bbox.left + bbox.width - ctx.measureText(text).width)
        ctx.fillText(text, Math.max(x, freeFrom), bbox.top + 2 * devicePixelRatio)
        freeFrom = span.from + ctx.measureText(text).width + 10 * devicePixelRatio
      }
      this.#markCollapse(chart)
    }
    const { atMs } = this.#view
    if (atMs !== undefined) {
      const x = chart.valToPos(atMs / 1_000, 'x', true)
      ctx.strokeStyle = colours.accent
      ctx.lineWidth = 2 * devicePixelRatio
      ctx.beginPath()
      ctx.moveTo(x, bbox.top)
      ctx.lineTo(x, bbox.top + bbox.height)
      ctx.stroke()
    }
    ctx.restore()
  }

  /** The deepest second of each collapse says how little was answered. */
  #markCollapse(chart: uPlot): void {
    const { ctx } = chart
    const { atMs, ok, offered } = this.#chronicle
    ctx.fillStyle = currentColours().failed
    ctx.textBaseline = 'bottom'
    ctx.textAlign = 'center'
    let worst = -1
    let length = 0
    let freeFrom = Number.NEGATIVE_INFINITY
    for (let row = 1; row <= atMs.length; row++) {
      const isLow = row < atMs.length && (ok[row] ?? 0) < (offered[row] ?? 0) * COLLAPSED
      if (isLow) length++
      if (isLow && (worst === -1 || (ok[row] ?? 0) < (ok[worst] ?? 0))) worst = row
      if (isLow || worst === -1) continue
      const text = word('collapse', { ok: ok[worst] ?? 0, offered: offered[worst] ?? 0 })
      const x = chart.valToPos((atMs[worst] ?? 0) / 1_000, 'x', true)
      const y = chart.valToPos(ok[worst] ?? 0, 'y', true)
      const half = ctx.measureText(text).width / 2 + 6 * devicePixelRatio
      if (length > 1 && x - half > freeFrom) {
        ctx.fillText(text, x, Math.max(y - 4 * devicePixelRatio, chart.bbox.top + 30 * devicePixelRatio))
        freeFrom = x + half
      }
      worst = -1
      length = 0
    }
    ctx.textAlign = 'left'
  }

  #visible(chart: uPlot): (Span & { from: number; to: number })[] {
    const { bbox } = chart
    const now = this.#view.nowMs
    return this.#chronicle.spans.flatMap((span) => {
      const from = chart.valToPos(span.fromMs / 1_000, 'x', true)
      const to = chart.valToPos((span.toMs ?? now) / 1_000, 'x', true)
      return to < bbox.left || from > bbox.left + bbox.width ? [] : [Object.assign({ from, to }, span)]
    })
  }

  /** The figures at the crosshair, or the newest. */
  #read(): void {
    const { startedAtMs, nowMs, atMs } = this.#view
    const ms = this.#pointedMs ?? atMs ?? nowMs
    const row = this.#chronicle.rowAt(ms)
    const { ok, offered, p50, p99, out, lost } = this.#chronicle
    const ago = nowMs - ms < 500 ? '' : ` · ${word('ago', { time: duration(nowMs - ms) })}`
    setText(byId('time-at', HTMLElement), `${clock(startedAtMs + ms)}${ago}`)
    if (row === -1) return
    setText(byId('read-rate', HTMLElement), word('readRate', { ok: ok[row] ?? 0, offered: offered[row] ?? 0 }))
    setText(byId('read-p50', HTMLElement), milliseconds(p50[row]))
    setText(byId('read-p99', HTMLElement), milliseconds(p99[row]))
    setText(byId('read-out', HTMLElement), figure(out[row] ?? 0))
    setText(byId('read-lost', HTMLElement), figure(lost[row] ?? 0))
  }
}

function line(colour: 'ok' | 'soft' | 'out' | 'lost', more: uPlot.Series = {}): uPlot.Series {
  return { stroke: () => currentColours()[colour], width: 1.75, points: { show: false }, ...more }
}

function fill(): string {
  return currentColours().okSoft
}

function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  return `${ms < 10 ? ms.toFixed(1) : figure(Math.round(ms))} ms`
}

function clipTo({ ctx, bbox }: uPlot): void {
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
}

function cross(ctx: CanvasRenderingContext2D, x: number, y: number, size: number, colour: string): void {
  ctx.strokeStyle = colour
  ctx.beginPath()
  ctx.moveTo(x - size, y - size)
  ctx.lineTo(x + size, y + size)
  ctx.moveTo(x + size, y - size)
  ctx.lineTo(x - size, y + size)
  ctx.stroke()
}

function colourOf({ kind }: Span): string {
  const { failed, paused, leaving } = currentColours()
  if (kind === 'paused') return paused
  return MILD.has(kind) ? leaving : failed
}

function laneName(lane: string): string {
  if (lane === 'store') return word('store')
  return lane === 'edges' ? word('edges') : lane
}

export function kindName(kind: string): string {
  const name = `kind-${kind}`
  return isWord(name) ? word(name) : kind
}

/** 10, 20, 50, 100 ... above the value, so that the scale seldom changes. */
function roundAbove(value: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(value))
  return (
    [1, 1.5, 2, 3, 5, 7, 10].map((factor) => factor * magnitude).find((round) => round >= value * 1.12) ?? value * 1.5
  )
}
