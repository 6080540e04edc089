/** The pages of docs/reference are those that the source makes, and say what runs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { findStrategy, freePort, ownPrograms } from '@ninelives/lab'
import { controlApi, operationsOf } from '../../docs/generate/control-api.ts'
import { generated } from '../../docs/generate/pages.ts'
import { ROOT, Source, walk } from '../../docs/generate/source.ts'
import { startedLab } from '../../packages/lab/test/fixtures/open-lab.ts'

const metricsPage = readFileSync(join(ROOT, 'docs/reference/metrics.md'), 'utf8')

test('the generated pages are up to date', async (t) => {
  for (const [path, text] of await generated())
    t.is(readFileSync(join(ROOT, path), 'utf8'), text, `${path} is out of date: npm run docs:reference makes it again`)
})

test('the control API has the routes of the page, and no others', (t) => {
  const { files } = new Source('packages/lab/src/control/{lab-,}routes.ts')
  const found: string[] = []
  const noteRoute = (node: Parameters<Parameters<typeof walk>[1]>[0]): void => {
    if (node.type !== 'ObjectExpression') return
    const fields = new Map(
      (
        node['properties'] as { key?: { name?: string }; value?: { value?: unknown; regex?: { pattern: string } } }[]
      ).map(({ key, value }) => [key?.name, value]),
    )
    const [method, path] = [fields.get('method')?.value, fields.get('path')?.regex?.pattern]
    if (typeof method === 'string' && path !== undefined) found.push(`${method} ${path}`)
  }
  for (const { program } of files) walk(program, noteRoute)
  const documented = operationsOf(controlApi()).map(
    ([method, path]) => `${method} ^${path.replaceAll('/', String.raw`\/`).replaceAll(/\{\w+\}/g, '([^/]+)')}$`,
  )
  t.true(found.length >= 8)
  t.deepEqual(documented.sort(), found.sort())
})

test('a cluster answers as the control API says, and each of its metrics is in the page', async (t) => {
  const strategy = findStrategy('replicated')
  if (strategy === undefined) throw new Error('there is no strategy replicated')
  const adminPort = await freePort()
  const environment = { ...process.env, ADMIN_PORT: String(adminPort) }
  const lab = await startedLab(t, { strategy, programs: ownPrograms(), environment })
  const controlUrl = lab.control.url
  const { schemas } = controlApi().components

  const cluster = (await (await fetch(`${controlUrl}/api/cluster`)).json()) as {
    nodes: { name: string; url: string }[]
  }
  t.deepEqual(Object.keys(cluster).sort(), [...(schemas['Cluster']?.required ?? [])].sort())
  t.deepEqual(Object.keys(cluster.nodes[0] ?? {}).sort(), [...(schemas['Node']?.required ?? [])].sort())
  const injected = await fetch(`${controlUrl}/api/faults`, { method: 'POST', body: '{"kind":"pause","target":"a"}' })
  t.is(injected.status, 201)
  t.deepEqual(Object.keys((await injected.json()) as object).sort(), [...(schemas['Fault']?.required ?? [])].sort())
  const unknown = await fetch(`${controlUrl}/api/faults/none`)
  t.is(unknown.status, 404)
  t.is(((await unknown.json()) as { error: { code: string } }).error.code, 'UNKNOWN_FAULT')

  const pages = await Promise.all(
    [`http://127.0.0.1:${adminPort}/metrics`, `${cluster.nodes.find(({ name }) => name === 'b')?.url}/metrics`].map(
      async (url) => await (await fetch(url)).text(),
    ),
  )
  for (const text of pages) {
    const own = [...text.matchAll(/^# HELP (ninelives_\w+) (.*)$/gm)]
    t.true(own.length > 3)
    for (const [, name = '', help = ''] of own) {
      t.true(metricsPage.includes(`| \`${name}\` |`), `docs/reference/metrics.md lacks ${name}`)
      t.true(
        metricsPage.includes(`| ${help.replaceAll('|', String.raw`\|`)} |`),
        `docs/reference/metrics.md says something else of ${name}`,
      )
    }
  }
})
