/** The live page has a word for whatever the lab can do and the checkers can find, in both of its languages. */
import test from 'ava'
import { pageFile } from '@ninelives/dashboard'
import { ANOMALIES } from '@ninelives/history'
import { faults } from '../../src/faults/kinds/index.ts'

const words = pageFile('/page/base/words.ts')?.body.toString() ?? ''

for (const name of [...ANOMALIES.map((kind) => `anomaly-${kind}`), ...[...faults.keys()].map((kind) => `kind-${kind}`)])
  test(`${name} has a word in English and in Korean`, (t) => {
    t.is(words.split(`'${name}':`).length - 1, 2)
  })
