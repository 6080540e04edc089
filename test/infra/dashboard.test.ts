/** The dashboard of Grafana: each query names metrics and labels that exist, and Prometheus can read it. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parse } from 'yaml'
import { scratch } from '../../packages/lab/test/fixtures/open-lab.ts'

interface Panel {
  readonly title: string
  readonly type: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string): string => readFileSync(join(root, path), 'utf8')
const { panels } = JSON.parse(text('infra/grafana/dashboards/ninelives.json')) as { panels: readonly Panel[] }
const queries = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))
const hasPromtool = spawnSync('promtool', ['--version']).status === 0
if (!hasPromtool) test.skip('Prometheus accepts each query: promtool of Prometheus is not installed', () => {})

/** Of the metrics client's own, for each process. */
const PROCESS_METRICS = new Set(['process_cpu_seconds_total', 'process_resident_memory_bytes'])

test('each query names only metrics that exist, with labels that they have', (t) => {
  const reference = [...text('docs/reference/metrics.md').matchAll(/^\| `(ninelives_\w+)` \| (\w+) \| (.*?) \|/gm)]
  const known = new Map(reference.map(([, name = '', type, labels = '']) => [name, { type, labels }]))
  t.true(queries.length > 30)
  for (const { title, expr, legendFormat } of queries) {
    const names = expr.match(/\b(?:ninelives|process|nodejs)_\w+/g) ?? []
    t.true(names.length > 0, title)
    for (const name of names) {
      const [, histogram] = /^(.*)_(?:bucket|count|sum)$/.exec(name) ?? []
      const isHistogram = histogram !== undefined && known.get(histogram)?.type === 'histogram'
      t.true(isHistogram || known.has(name) || PROCESS_METRICS.has(name), `${title}: ${name}`)
    }
    const labels = names.map((name) => known.get(name.replace(/_(?:bucket|count|sum)$/, ''))?.labels ?? '').join()
    const used = [
      ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', ')),
      ...[...expr.matchAll(/(\w+)=~?"/g)].map(([, label]) => label),
      ...[...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label),
    ]
    // Those of a histogram's buckets, of every node, and of what is scraped.
    for (const label of used)
      t.true(/^(?:le|node|instance)$/.test(label ?? '') || labels.includes(`\`${label}\``), `${title}: ${label}`)
  }
})

test('each panel says what it shows, and none covers another', (t) => {
  const taken = new Set<string>()
  for (const { title, type, description, gridPos } of panels) {
    if (type !== 'row') t.regex(description ?? '', /\.$/, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        t.true(x < 24 && !taken.has(`${x} ${y}`), title)
        taken.add(`${x} ${y}`)
      }
    }
  }
})

test('the datasource of every panel is the one that is provisioned, and Prometheus scrapes what compose runs', (t) => {
  const { datasources } = parse(text('infra/grafana/provisioning/datasources/prometheus.yml')) as {
    datasources: readonly { uid: string; url: string }[]
  }
  t.deepEqual(
    datasources.map(({ uid }) => uid),
    ['prometheus'],
  )
  t.is(text('infra/grafana/dashboards/ninelives.json').match(/"uid": "(?!prometheus|ninelives)/g), null)
  const { scrape_configs: scraped } = parse(text('infra/prometheus/prometheus.yml')) as {
    scrape_configs: readonly { static_configs: readonly { targets: readonly string[] }[] }[]
  }
  const { services } = parse(text('docker-compose.yml'), { merge: true, maxAliasCount: -1 }) as { services: object }
  for (const target of scraped.flatMap((job) => job.static_configs.flatMap(({ targets }) => targets)))
    t.true(Object.hasOwn(services, target.replace(/:\d+$/, '')), target)
})

const withPromtool = hasPromtool ? test : test.skip
withPromtool('Prometheus accepts each query and its configuration', (t) => {
  const groups = [
    {
      name: 'queries',
      rules: queries.map(({ expr }, index) => ({
        record: `query_${index}`,
        expr: expr.replaceAll('$__rate_interval', '1m'),
      })),
    },
  ]
  const file = join(scratch(t), 'queries.yml')
  writeFileSync(file, JSON.stringify({ groups }))
  const rules = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
  t.is(rules.status, 0, rules.stdout + rules.stderr)
  const config = join(root, 'infra/prometheus/prometheus.yml')
  const checked = spawnSync('promtool', ['check', 'config', '--syntax-only', config], { encoding: 'utf8' })
  t.is(checked.status, 0, checked.stdout + checked.stderr)
})
