/** The charts share one axis of time and one crosshair. */
import uPlot from 'uplot'
import { currentColours } from '../base/colours.ts'
import { figure } from '../base/words.ts'

export const AXIS_WIDTH = 52
const SYNC = 'time'
const PADDING_RIGHT = 10
/** Half the width of a time's label, in pixels. */
const HALF_LABEL = 26

export interface ChartOptions {
  readonly height: number
  readonly series: readonly uPlot.Series[]
  readonly y: Partial<uPlot.Axis>
  readonly scale: uPlot.Scale
  /** The wall clock at zero. */
  readonly startedAtMs: () => number
  readonly hasTimes?: boolean
  /** Drawn below the lines. */
  readonly under: (chart: uPlot) => void
  readonly over?: (chart: uPlot) => void
  /** The time under the pointer, in seconds; undefined when it leaves. */
  readonly pointed: (seconds: number | undefined) => void
  readonly seek: (seconds: number) => void
}

export function makeChart(target: HTMLElement, options: ChartOptions): uPlot {
  const { height, series, y, scale, startedAtMs, hasTimes = false, under, over, pointed, seek } = options
  const font = `12px ${getComputedStyle(document.body).fontFamily}`
  const grid = { stroke: () => currentColours().edge, width: 1 }
  const chart = new uPlot(
    {
      width: Math.max(200, target.clientWidth),
      height,
      padding: [10, PADDING_RIGHT, hasTimes ? 0 : 4, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, points: { show: false }, y: false },
      scales: { x: { time: false }, y: scale },
      axes: [
        {
          show: hasTimes,
          stroke: soft,
          font,
          size: 26,
          gap: 4,
          grid: { show: false },
          ticks: { show: false },
          space: 90,
          values: (chart, splits) => splits.map((s) => (isCut(chart, s) ? '' : clock(startedAtMs() + s * 1_000))),
        },
        { stroke: soft, font, size: AXIS_WIDTH, gap: 6, grid, ticks: { show: false }, ...y },
      ],
      series: [{}, ...series],
      hooks: {
        drawAxes: [under],
        draw: over === undefined ? [] : [over],
        setCursor: [
          (self) => {
            const { left = -1 } = self.cursor
            pointed(left < 0 ? undefined : self.posToVal(left, 'x'))
          },
        ],
      },
    },
    [[], ...series.map(() => [])],
    target,
  )
  scrubs(chart, seek)
  new ResizeObserver(() => {
    if (target.clientWidth > 0) chart.setSize({ width: target.clientWidth, height })
  }).observe(target)
  return chart
}

/** Whether a label at that time would end beyond the chart's right edge. */
function isCut({ scales, width }: uPlot, seconds: number): boolean {
  const { min = 0, max = 0 } = scales['x'] ?? {}
  if (min === null || max === null || max <= min) return false
  const toEnd = ((max - seconds) / (max - min)) * (width - AXIS_WIDTH - PADDING_RIGHT)
  return toEnd + PADDING_RIGHT < HALF_LABEL
}

function soft(): string {
  return currentColours().soft
}

/** A press or a drag shows that time. */
function scrubs(chart: uPlot, seek: (seconds: number) => void): void {
  const { over } = chart
  const at = ({ clientX }: PointerEvent): void => seek(chart.posToVal(clientX - over.getBoundingClientRect().left, 'x'))
  over.addEventListener('pointerdown', (event) => {
    over.setPointerCapture(event.pointerId)
    at(event)
  })
  over.addEventListener('pointermove', (event) => {
    if (event.buttons === 1) at(event)
  })
}

/** 15:10:41 */
export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB')
}

/** Round figures for an axis: 0.5, 1, 10, 1,000. */
export function plain(values: readonly (number | null)[]): string[] {
  return values.map((value) => (value === null ? '' : figure(value)))
}
