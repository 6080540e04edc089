/** The pages of docs/stores against the code: each names every setting that its URLs take. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { openStore } from '../../src/index.ts'

const pages: Readonly<Record<string, readonly string[]>> = {
  memory: ['memory:?'],
  replicated: ['replicated:?', 'clustered:?'],
  redis: ['rediss://host?', 'rediss+sentinel://host/group?', 'rediss+cluster://host?'],
  database: ['sqlite:file.db?', 'postgres://host/shop?', 'mysql://host/shop?'],
  memcached: ['memcacheds://host?'],
  token: ['token:?'],
  hybrid: ['hybrid:?'],
}

for (const [page, locations] of Object.entries(pages)) {
  test(`docs/stores/${page}.md names every setting of its URLs`, async (t) => {
    const text = readFileSync(new URL(`../../../../docs/stores/${page}.md`, import.meta.url), 'utf8')
    const rows = text.split('\n').filter((line) => line.startsWith('| '))
    for (const location of locations) {
      // The refusal of an unknown setting lists those that are taken.
      const refusal = await t.throwsAsync(openStore(`${location}unknown=1`), { message: /'unknown', and takes / })
      const taken = refusal.message.replace(/.*, and takes /, '').split(', ')
      for (const name of taken) {
        t.true(
          rows.some((row) => row.split('|')[1]?.includes(`\`${name}\``)),
          `${location}${name}=`,
        )
      }
    }
  })
}
