/** The matrix as a page of its own, one file that needs no network. */
import { html, RUN_STYLE, trusted } from '@ninelives/lab'
import type { Matrix } from './result.ts'
import { matrixCells, matrixSection } from './section.ts'

export function matrixPage(matrix: Matrix): string {
  const { environment, startedAt, options } = matrix
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>ninelives: every fault by every strategy</title>
        <style>
          ${trusted(RUN_STYLE)}
        </style>
      </head>
      <body>
        ${matrixSection(matrix)} ${matrixCells(matrix)}
        <p class="quiet">
          ${environment.cores} × ${environment.processor}, Node ${environment.node}, ${startedAt.slice(0, 10)}, seed
          ${options.seed}, commit ${environment.commit.slice(0, 10)}.
        </p>
      </body>
    </html>`
  return `${page.text}\n`
}
