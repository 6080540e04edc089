/**
 * A chart as an SVG that stands alone: Observable Plot draws it into a document of linkedom, when the report is made. Its colours
 * are variables of the page, each with the light value as its fallback: the page may be dark, and a copy is light.
 * `page/behaviour.ts` puts the fallbacks into a copy.
 */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { escaped, html, type Markup, trusted } from '@ninelives/lab'

export const COLOURS = {
  ok: 'var(--ok, #0b766a)',
  failed: 'var(--failed, #b8202f)',
  quiet: 'var(--ink-soft, #625a52)',
  line: 'var(--edge, #ddd6cb)',
} as const

export interface Chart {
  /** Inside the picture, so that a copy has it too. */
  readonly heading: string
  /** Unique on its page, and the name of its file. */
  readonly id: string
  readonly title: string
  /** In words, for screen readers. */
  readonly description: string
  readonly options: Plot.PlotOptions
}

const EDGE = 4
const HEADING_SIZE = 13
const HEADING_HEIGHT = 24
const FONT = { fontFamily: 'system-ui, sans-serif', fontSize: '12px' }

/** The SVG alone. */
export function svg({ id, heading, title, description, options }: Chart): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const { width, height, marginTop, marginLeft } = options
  const headingMark = Plot.text([heading], {
    frameAnchor: 'top-left',
    facet: 'super',
    dx: EDGE - marginLeft,
    dy: EDGE - marginTop - HEADING_HEIGHT,
    lineAnchor: 'top',
    fontSize: HEADING_SIZE,
    fontWeight: 650,
    lineWidth: (width - 2 * EDGE) / HEADING_SIZE,
    textOverflow: 'ellipsis-end',
  })
  const drawn = Plot.plot({
    ...options,
    marks: [...options.marks, headingMark],
    height: height + HEADING_HEIGHT,
    marginTop: marginTop + HEADING_HEIGHT,
    document,
    style: FONT,
    className: 'plot',
  }).outerHTML
  const opening = `<svg xmlns="http://www.w3.org/2000/svg" id="${id}" role="img" aria-labelledby="${id}-title ${id}-desc" `
  const names = `<title id="${id}-title">${escaped(title)}</title><desc id="${id}-desc">${escaped(description)}</desc>`
  return drawn
    .replaceAll(/ aria-(label|hidden|description)="[^"]*"/g, '')
    .replace(/<style>.*?<\/style>/s, names)
    .replace('<svg ', opening)
}

/** With a caption and buttons. On a narrow screen the chart scrolls, so that it stays readable. */
export function chartFigure(chart: Chart, caption: Markup): Markup {
  return html`<figure class="chart">
    <div class="scroll" role="region" tabindex="0" aria-label="${chart.title}">${trusted(svg(chart))}</div>
    <figcaption>
      <span>${caption}</span>
      <span class="take" hidden>
        <button type="button" data-copy="${chart.id}" aria-label="Copy as SVG: ${chart.title}">Copy SVG</button>
        <button type="button" data-save="${chart.id}" aria-label="Download as SVG: ${chart.title}">Download</button>
      </span>
    </figcaption>
  </figure> `
}
