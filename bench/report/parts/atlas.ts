/** The atlas of crash points, if there is one: each operation of the shop, and a crash at each instant of it. */
import { type Atlas, ATLAS_SCHEMA, CRASH_POINTS, html, LEGEND, type Markup, textOf } from '@ninelives/lab'
import { table } from './table.ts'

export function atlasSection(atlas: unknown): Markup | undefined {
  if (!isAtlas(atlas)) return undefined
  return html`<section aria-labelledby="atlas">
    <h2 id="atlas">What a crash at each instant costs</h2>
    <p class="lead">One crash at each named point of each operation, seed ${atlas.seed}; each is one try, no rate.</p>
    <div class="stack words">
      ${atlas.charts.map(({ strategy, cells }) => {
        const operations = [...new Set(cells.map(({ operation }) => operation))]
        const cellAt = (operation: string, point: string): string =>
          textOf(cells.find((cell) => cell.operation === operation && cell.point === point))
        const rows = operations.map((operation) =>
          [operation].concat(CRASH_POINTS.map((point) => cellAt(operation, point))),
        )
        return table(`Crash points: ${strategy}`, ['Operation', ...CRASH_POINTS], rows)
      })}
    </div>
    <dl class="facts">
      ${LEGEND.trim()
        .split('\n')
        .map((line) => /^(.*?) {2,}(.*)$/.exec(line))
        .map(
          (match) =>
            html`<div>
              <dt>${match?.[1]}</dt>
              <dd>${match?.[2]}</dd>
            </div> `,
        )}
    </dl>
  </section> `
}

function isAtlas(atlas: unknown): atlas is Atlas {
  const { schema, charts } = (atlas ?? {}) as Partial<Atlas>
  return schema === ATLAS_SCHEMA && Array.isArray(charts)
}
