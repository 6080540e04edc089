/** The matrix in a page: the picture, and under it each cell with its counts and the operations that prove it. */
import { html, type Markup, spaceTime, trusted } from '@ninelives/lab'
import { columns } from './columns.ts'
import { anchorOf, linkedPicture, sentenceOf } from './picture.ts'
import type { Matrix } from './result.ts'

export function matrixSection(matrix: Matrix): Markup {
  const titles = new Map(matrix.rows.map(({ name, title }) => [name, title]))
  const abouts = new Map(columns.map(({ name, about }) => [name, about]))
  const cells = matrix.cells.filter((cell) => !('impossible' in cell))
  return html`<section aria-labelledby="matrix" class="matrix">
    <style>
      ${trusted(STYLE)}
    </style>
    <h2 id="matrix">Every fault by every strategy</h2>
    <p class="lead">
      Up to ${matrix.options.faults} faults a cell, seen from the users' side. “≤ 30 %” is what so many faults without a
      loss can prove: a fault that loses something more often than that would have shown. “Ten lines” is koa-session
      with the store of its README. A small square in a cell says what else happened. Choose a cell for what proves it.
    </p>
    <div class="wide only-light">${linkedPicture(matrix, 'light')}</div>
    <div class="wide only-dark">${linkedPicture(matrix, 'dark')}</div>
    ${cells.map((cell) => {
      const found = 'found' in cell ? cell.found.anomalies : []
      return html`<details id="${anchorOf(cell)}">
        <summary>
          <strong>${titles.get(cell.row) ?? cell.row}</strong>, ${abouts.get(cell.column) ?? cell.column}:
          ${sentenceOf(cell)}
        </summary>
        ${found.map(
          ({ kind, text, evidence, around }) =>
            html`<p><strong>${kind}</strong>: ${text}</p>
              ${
                evidence.some(({ type }) => type === 'operation-sent')
                  ? html`<div class="wide diagram">${spaceTime(evidence, around)}</div>`
                  : undefined
              }`,
        )}
      </details>`
    })}
    <script>
      ${trusted(OPENING)}
    </script>
  </section>`
}

const STYLE = `
.matrix .only-dark { display: none; }
@media (prefers-color-scheme: dark) { .matrix .only-light { display: none; } .matrix .only-dark { display: block; } }
.matrix details { margin: 0.4rem 0; }
.matrix .diagram { margin: 0.5rem 0 1.2rem; }
`

/** Opens the cell that a link leads to. */
const OPENING = `addEventListener('hashchange', () => { const cell = document.getElementById(location.hash.slice(1)); if (cell instanceof HTMLDetailsElement) cell.open = true })`
