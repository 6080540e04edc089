/** The alerts of Prometheus: each names metrics that exist and a page that says what to do, and fires when it should. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parse } from 'yaml'

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly runbook: string; readonly summary: string }
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string): string => readFileSync(join(root, path), 'utf8')
const { groups } = parse(text('infra/prometheus/alerts.yml')) as { groups: readonly { rules: readonly Alert[] }[] }
const alerts = groups.flatMap(({ rules }) => rules)
const metrics = text('docs/reference/metrics.md')
const runbooks = 'docs/how-to/runbooks'

test('there are six alerts, each with a runbook of its own, and no runbook without an alert', (t) => {
  t.is(alerts.length, 6)
  const pages = readdirSync(join(root, runbooks)).filter((name) => name !== 'README.md')
  t.deepEqual(alerts.map(({ annotations }) => basename(annotations.runbook)).sort(), pages.sort())
  for (const { alert, annotations } of alerts) {
    t.true(existsSync(join(root, annotations.runbook)), annotations.runbook)
    t.true(text(annotations.runbook).startsWith(`# ${alert}\n`), annotations.runbook)
    t.regex(text(`${runbooks}/README.md`), new RegExp(`\\| \\[${alert}\\]\\(${basename(annotations.runbook)}\\) `))
  }
})

test('the alerts and the runbooks name only metrics and labels that exist', (t) => {
  const known = new Map(
    [...metrics.matchAll(/^\| `(ninelives_\w+)` \| \w+ \| (.*?) \|/gm)].map(([, name = '', labels = '']) => [
      name,
      labels,
    ]),
  )
  t.true(known.size > 30)
  const places = [
    ...alerts.map(({ alert, expr }) => [alert, expr] as const),
    ...readdirSync(join(root, runbooks)).map((page) => [page, text(`${runbooks}/${page}`)] as const),
  ]
  for (const [place, written] of places) {
    for (const [, name = '', label] of written.matchAll(/\b(ninelives_\w+)(?:\{(\w+)=)?/g)) {
      t.true(known.has(name), `${place}: ${name}`)
      if (label !== undefined) t.true(known.get(name)?.includes(`\`${label}\``), `${place}: ${name}{${label}}`)
    }
  }
})

test('the events that an alert looks for are events of the session layer', (t) => {
  const page = text('packages/sessions/README.md')
  const events = alerts
    .flatMap(({ expr }) => expr.match(/(?<=event=~")[^"]*/g) ?? [])
    .flatMap((alternatives) => alternatives.split('|'))
  t.true(events.length > 0)
  for (const event of events) t.regex(page, new RegExp(`^\\| .*\`${event}\``, 'm'), event)
})

const hasPromtool = spawnSync('promtool', ['--version']).status === 0
if (!hasPromtool) test.skip('the alerts fire when they should: promtool of Prometheus is not installed', () => {})
const withPromtool = hasPromtool ? test : test.skip

withPromtool('the alerts fire when they should, and not for what is no fault', (t) => {
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yml'], {
    cwd: join(root, 'infra/prometheus'),
    encoding: 'utf8',
  })
  t.is(status, 0, stdout + stderr)
})
