/** The matrix in a page: the picture and what it says, and each cell with its counts and the operations that prove it. */
import { html, type Markup, spaceTime, trusted } from '@ninelives/lab'
import { columns } from './columns.ts'
import { anchorOf, linkedPicture, sentenceOf } from './picture.ts'
import { boundOfFaults, type Matrix } from './result.ts'
import { sentencesOf } from './sentences.ts'

export function matrixSection(matrix: Matrix): Markup {
  return html`<section aria-labelledby="matrix" class="matrix">
    <style>
      ${trusted(STYLE)}
    </style>
    <h2 id="matrix">Every fault by every strategy</h2>
    <p class="lead">
      Up to ${matrix.options.faults} faults a cell, seen from the users' side. “≤
      ${Math.round(100 * boundOfFaults(matrix.options.faults))} %” is what so many faults without a loss can prove: a
      fault that loses something more often than that would have shown. “Ten lines” is koa-session with the usual first
      store: get, set and destroy. A small square in a cell says what else happened. Choose a cell for what proves it.
    </p>
    <div class="wide only-light">${linkedPicture(matrix, 'light')}</div>
    <div class="wide only-dark">${linkedPicture(matrix, 'dark')}</div>
    ${sentencesOf(matrix).map((sentence) => {
      const [head = '', ...rest] = sentence.split(': ')
      return html`<p><strong>${head}:</strong> ${rest.join(': ')}</p>`
    })}
  </section>`
}

/** Folded: the picture leads to each cell. */
export function matrixCells(matrix: Matrix): Markup {
  const titles = new Map(matrix.rows.map(({ name, title }) => [name, title]))
  const abouts = new Map(columns.map(({ name, about }) => [name, about]))
  const cells = matrix.cells.filter((cell) => !('impossible' in cell))
  return html`<section aria-labelledby="matrix-cells" class="matrix">
    <h2 id="matrix-cells">Each cell, and what proves it</h2>
    <details id="matrix-all">
      <summary>All ${cells.length} cells in words</summary>
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
                    ? html`<div class="wide diagram">${spaceTime(evidence, around, `${anchorOf(cell)}-${kind}`)}</div>`
                    : undefined
                }`,
          )}
        </details>`
      })}
    </details>
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

/** Opens the cell that a link leads to, and the list that it is in. */
const OPENING = `const openCell = () => { for (let each = document.getElementById(location.hash.slice(1)); each; each = each.parentElement) if (each instanceof HTMLDetailsElement) each.open = true; document.getElementById(location.hash.slice(1))?.scrollIntoView() }; addEventListener('hashchange', openCell); if (location.hash.startsWith('#cell-')) openCell()`
