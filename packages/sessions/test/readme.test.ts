/** The store that the README shows is a store: it is taken from there and put through the suite. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { conformance } from '../src/conformance.ts'
import { openStore } from '../src/stores/open-store.ts'

test('the store that the README shows passes the conformance suite', async (t) => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, source] = /```ts\n(\/\/ my-store\.ts\n[\s\S]*?)```/.exec(readme) ?? []
  // Inside the package, so that its import of the package resolves.
  const directory = new URL(`../.ninelives/readme-${process.pid}/`, import.meta.url)
  await mkdir(directory, { recursive: true })
  t.teardown(() => rm(directory, { recursive: true }))
  const path = fileURLToPath(new URL('my-store.ts', directory))
  await writeFile(path, source ?? '')

  const { capabilities } = await openStore(path)
  const cases = conformance({ open: () => openStore(path), capabilities }).filter(
    ({ excused }) => excused === undefined,
  )
  t.true(cases.length > 15)
  await Promise.all(cases.map(({ title, run }) => t.notThrowsAsync(run, title)))
})
