/** Strategies × faults: the share that was lost, as a number and a colour. */
import * as Plot from '@observablehq/plot'
import { type Chart, COLOURS } from '../drawing/drawing.ts'
import { count, percent, plural } from '../drawing/figures.ts'
import { boundOfNone, type LossAt, type LossKind } from '../drawing/reading.ts'
import { slug } from '../drawing/slug.ts'
import { wrapped } from './labels.ts'

interface Step {
  readonly above: number
  readonly fill: string
  readonly ink: string
}

/** The first step below a share gives its colour. */
const STEPS: readonly Step[] = [
  { above: 0.5, fill: 'var(--loss-5, #5b21b6)', ink: 'var(--loss-5-ink, #ffffff)' },
  { above: 0.2, fill: 'var(--loss-4, #7c3aed)', ink: 'var(--loss-4-ink, #ffffff)' },
  { above: 0.05, fill: 'var(--loss-3, #a78bfa)', ink: 'var(--loss-3-ink, #16202a)' },
  { above: 0.01, fill: 'var(--loss-2, #cdbdfd)', ink: 'var(--loss-2-ink, #16202a)' },
  { above: 0, fill: 'var(--loss-1, #ebe4fe)', ink: 'var(--loss-1-ink, #16202a)' },
]
const NONE: Step = { above: -1, fill: 'var(--loss-0, #d7f0ea)', ink: 'var(--loss-0-ink, #0b4f48)' }
const UNKNOWN: Step = { above: -1, fill: 'none', ink: COLOURS.quiet }

const ROW_HEIGHT = 44
const COLUMN_WIDTH = 138
const LABEL_WIDTH = 150

const HEADINGS: Readonly<Record<LossKind, string>> = { sessions: 'Sessions lost', writes: 'Acknowledged writes lost' }

export const LOST: Readonly<Record<LossKind, string>> = {
  sessions: 'sessions lost, of those that were open',
  writes: 'acknowledged writes lost',
}

export function lossChart(losses: readonly LossAt[], kind: LossKind): Chart {
  const titles = [...new Set(losses.map(({ entry }) => entry.title))]
  const several = new Set(losses.map(({ scenario }) => scenario)).size > 1
  const columnOf = ({ scenario, fault }: LossAt): string => (several ? `${scenario}\n${fault}` : fault)
  const cells = losses.map((loss) => ({ ...words(loss), row: loss.entry.title, column: columnOf(loss) }))
  const columns = [...new Set(cells.map(({ column }) => column))]
  return {
    heading: HEADINGS[kind],
    id: slug('loss', kind),
    title: `Strategies × faults: ${LOST[kind]}`,
    description: cells.map(({ row, column, share, beside }) => `${row}, ${column}: ${share}, ${beside}`).join('; '),
    options: {
      width: LABEL_WIDTH + columns.length * COLUMN_WIDTH,
      height: titles.length * ROW_HEIGHT + (several ? 48 : 32),
      marginLeft: LABEL_WIDTH,
      marginRight: 0,
      marginTop: several ? 46 : 30,
      marginBottom: 2,
      x: { domain: columns, label: null, axis: 'top', tickSize: 0, padding: 0.03 },
      y: { domain: titles, label: null, tickSize: 0, padding: 0.06, tickFormat: wrapped },
      color: { type: 'identity' },
      marks: [
        Plot.cell(cells, { x: 'column', y: 'row', fill: 'fill', stroke: COLOURS.line, rx: 6 }),
        Plot.text(cells, { x: 'column', y: 'row', text: 'share', fill: 'ink', dy: -6, fontSize: 14, fontWeight: 650 }),
        Plot.text(cells, { x: 'column', y: 'row', text: 'beside', fill: 'ink', dy: 11, fontSize: 10.5 }),
      ],
    },
  }
}

/** The words of the cell; with nothing lost, the bound that it proves. */
function words({ kills, of, lost }: LossAt) {
  if (kills === 0 || of === 0) return { share: '–', beside: 'not measured', ...UNKNOWN }
  const share = lost / of
  const bound = boundOfNone(kills)
  const { fill, ink } = STEPS.find(({ above }) => share > above) ?? NONE
  if (lost > 0) return { share: percent(share), beside: `${count(lost)} of ${count(of)}`, fill, ink }
  const proof = bound === undefined ? `in ${plural(kills, 'fault')}` : `in ${kills} faults: ≤ ${percent(bound)}`
  return { share: 'none', beside: proof, fill, ink }
}
