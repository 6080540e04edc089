/** The matrix as a picture: an SVG of its own, in light or dark, or one inside a page that follows the page. */
import { html, type Markup } from '@ninelives/lab'
import { columns } from './columns.ts'
import { boundOf, type Cell, type Matrix, type Outcome, outcomesOf, timesOf } from './result.ts'

export type Scheme = 'light' | 'dark'

interface Colours {
  readonly page: string
  readonly text: string
  readonly quiet: string
  readonly fills: Readonly<Record<Outcome, readonly [fill: string, ink: string]>>
}

const COLOURS: Readonly<Record<Scheme, Colours>> = {
  light: {
    page: '#ffffff',
    text: '#16202a',
    quiet: '#566370',
    fills: {
      lost: ['#c81e33', '#ffffff'],
      doubled: ['#6d28d9', '#ffffff'],
      wrong: ['#c2410c', '#ffffff'],
      failed: ['#fde68a', '#3f2d00'],
      unknown: ['#dde2e8', '#39444f'],
      kept: ['#c9ebe4', '#0b4f48'],
      impossible: ['#f6f7f9', '#7a8794'],
    },
  },
  dark: {
    page: '#101418',
    text: '#e8edf2',
    quiet: '#9aa8b5',
    fills: {
      lost: ['#e5475a', '#1c0509'],
      doubled: ['#a78bfa', '#160c33'],
      wrong: ['#fb923c', '#2b1000'],
      failed: ['#7a5c12', '#fff3c4'],
      unknown: ['#3a444e', '#d5dce3'],
      kept: ['#134e46', '#b7f0e4'],
      impossible: ['#181e24', '#7a8794'],
    },
  },
}

export const LEGEND: Readonly<Record<Outcome, string>> = {
  lost: 'sessions or writes lost',
  doubled: 'done twice',
  wrong: 'other wrong answers',
  failed: 'nothing lost, requests failed',
  unknown: 'unknown',
  kept: 'nothing lost, nothing failed',
  impossible: "can't be",
}

const [LEFT, TOP, WIDTH, HEIGHT, GAP, LEGEND_HEIGHT] = [148, 46, 92, 38, 3, 30]
const CORNER = 9
const LETTER = 6.2

export function pictureSvg(matrix: Matrix, scheme: Scheme): string {
  return `${picture(matrix, COLOURS[scheme], () => undefined).text}\n`
}

/** In a page: each cell is a link to its proof. */
export function linkedPicture(matrix: Matrix, scheme: Scheme): Markup {
  return picture(matrix, COLOURS[scheme], (cell) => ('impossible' in cell ? undefined : `#${anchorOf(cell)}`))
}

export function anchorOf({ row, column }: { readonly row: string; readonly column: string }): string {
  return `cell-${row}-${column}`
}

function picture(matrix: Matrix, colours: Colours, linkOf: (cell: Cell) => string | undefined): Markup {
  const shown = columns.filter(({ name }) => matrix.options.columns.includes(name))
  const { rows } = matrix
  const width = LEFT + shown.length * WIDTH
  const height = TOP + rows.length * HEIGHT + LEGEND_HEIGHT
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="Each strategy and peer by each fault: what was lost, done twice or not served"
    font-family="system-ui, sans-serif"
    font-size="11"
  >
    <rect width="${width}" height="${height}" fill="${colours.page}" />
    ${shown.map(({ title, about }, index) =>
      title.map(
        (line, at) =>
          html`<text
            x="${LEFT + index * WIDTH + (WIDTH - GAP) / 2}"
            y="${TOP - 10 - 13 * (title.length - 1 - at)}"
            fill="${colours.text}"
            text-anchor="middle"
          >
            <title>${about}</title>
            ${line}
          </text>`,
      ),
    )}
    ${rows.map(({ name, title, role }, index) => {
      const y = TOP + index * HEIGHT
      return html`<text x="8" y="${y + HEIGHT / 2 + 3}" fill="${role === 'peer' ? colours.quiet : colours.text}">
          <title>${title}</title>
          ${name}
        </text>
        ${shown.map((column, at) => {
          const cell = matrix.cells.find((each) => each.row === name && each.column === column.name)
          const drawn = cellMarkup(cell, LEFT + at * WIDTH, y, colours)
          const link = cell === undefined ? undefined : linkOf(cell)
          return link === undefined ? drawn : html`<a href="${link}">${drawn}</a>`
        })}`
    })}
    ${legend(matrix, TOP + rows.length * HEIGHT + 8, colours)}
  </svg>`
}

function cellMarkup(cell: Cell | undefined, x: number, y: number, { fills }: Colours): Markup {
  const outcomes = cell === undefined ? (['impossible'] as const) : outcomesOf(cell)
  const [worst = 'unknown', ...others] = outcomes
  const [fill, ink] = fills[worst]
  const [head, foot] = cell === undefined ? ['not run', ''] : wordsOf(cell)
  const [width, height] = [WIDTH - GAP, HEIGHT - GAP]
  const corners = others.filter((outcome) => outcome === 'doubled' || outcome === 'failed' || outcome === 'wrong')
  return html`<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="4" fill="${fill}">
      <title>${cell === undefined ? 'not run' : sentenceOf(cell)}</title>
    </rect>
    ${corners.map(
      (outcome, index) =>
        html`<rect
          x="${x + width - CORNER - 2}"
          y="${y + 2 + index * (CORNER + 2)}"
          width="${CORNER}"
          height="${CORNER}"
          rx="2"
          fill="${fills[outcome][0]}"
          stroke="${ink}"
          stroke-width="0.8"
        />`,
    )}
    <text x="${x + 6}" y="${y + 15}" fill="${ink}" font-weight="600" pointer-events="none">${head}</text>
    <text x="${x + 6}" y="${y + 29}" fill="${ink}" font-size="10" pointer-events="none">${foot}</text>`
}

/** At most thirteen characters a line. */
function wordsOf(cell: Cell): readonly [head: string, foot: string] {
  if ('impossible' in cell) return ['–', '']
  if ('failed' in cell) return ['?', 'did not run']
  const { found } = cell
  const [worst] = outcomesOf(cell)
  const { sessions, writes, unserved, operations, faults } = found
  if (worst === 'lost' && sessions.lost > 0) return [`${n(sessions.lost)} of ${n(sessions.begun)}`, 'sessions lost']
  if (worst === 'lost') return [`${n(writes.lost)} of ${n(writes.acknowledged)}`, 'writes lost']
  if (worst === 'doubled') return [n(timesOf(found, 'doubled')), 'done twice']
  if (worst === 'wrong') return [n(timesOf(found, 'wrong')), 'wrong']
  if (worst === 'failed') return [`${n(unserved)} failed`, `of ${n(operations)}`]
  if (worst !== 'kept') return ['?', 'unknown']
  return ['0', faults.landed === 0 ? `of ${n(writes.acknowledged)}` : `≤ ${percent(boundOf(found))}`]
}

/** All that the cell says, in one line. */
export function sentenceOf(cell: Cell): string {
  if ('impossible' in cell) return cell.impossible
  if ('failed' in cell) return `it did not run: ${cell.failed}`
  const { faults, sessions, writes, operations, unserved, anomalies, doubts, verdict } = cell.found
  const parts = [
    `${n(faults.landed)} faults landed${faults.missed === 0 ? '' : `, ${faults.missed} missed`}`,
    `${n(sessions.lost)} of ${n(sessions.begun)} sessions and ${n(writes.lost)} of ${n(writes.acknowledged)} acknowledged writes lost`,
    ...anomalies.map(({ kind, times }) => `${kind} ${times === 1 ? 'once' : `${n(times)} times`}`),
    `${n(unserved)} of ${n(operations)} operations failed`,
    ...(verdict === 'valid' && faults.landed > 0
      ? [`so many faults bound a loss to ${percent(boundOf(cell.found))} of them`]
      : []),
    ...doubts.map((doubt) => `in doubt: ${doubt}`),
  ]
  return parts.join('; ')
}

function legend({ cells }: Matrix, y: number, { fills, text }: Colours): Markup {
  const there = new Set(cells.flatMap((cell) => outcomesOf(cell)))
  let x = 8
  return html`${(Object.keys(LEGEND) as Outcome[])
    .filter((outcome) => there.has(outcome))
    .map((outcome) => {
      const at = x
      x += 30 + LEGEND[outcome].length * LETTER
      return html`<rect x="${at}" y="${y}" width="12" height="12" rx="3" fill="${fills[outcome][0]}" />
        <text x="${at + 17}" y="${y + 10}" fill="${text}">${LEGEND[outcome]}</text>`
    })}`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function n(number: number): string {
  return number.toLocaleString('en-US')
}
