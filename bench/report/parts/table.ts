/** An accessible table: a caption, heads with their scope, and scrolling where it is wider than the page. */
import { html, type Markup } from '@ninelives/lab'

export type Cell = string | Markup

export function table(caption: string, heads: readonly Cell[], rows: readonly (readonly Cell[])[]): Markup {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(row)}
      </tbody>
    </table>
  </div> `
}

function row([head = '', ...cells]: readonly Cell[]): Markup {
  return html`<tr>
    <th scope="row">${head}</th>
    ${cells.map((cell) => html`<td>${cell}</td>`)}
  </tr> `
}
