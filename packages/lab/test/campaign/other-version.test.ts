/** A rolling deploy that mixes two versions, on a real cluster. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { decodeTrace, judge } from '@ninelives/history'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'
import { otherTree } from '../fixtures/other-tree.ts'

const rolling = ['prove', '--faults', 'rolling', '--kills', '2', '--users', '24', '--rate', '60', '--seed', '5']

for (const strategy of ['replicated', 'database']) {
  test.serial(`${strategy}: a deploy and its rollback lose nothing, and sessions cross both ways`, async (t) => {
    const directory = scratch(t)
    const other = ['--other-version', otherTree(t)]
    const command = run(t, [...rolling, '--strategy', strategy, ...other, '--logs', directory])
    const code = await command.exited
    const { stdout, stderr } = command.output
    t.is(stderr, '')
    t.regex(stdout, /1 of 2 {2}rolling deploy of this version[^]* 2 of 2 {2}rolling deploy of other version/)
    const { anomalies, interleavings, doubts } = judge(
      decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events,
    )
    t.deepEqual(anomalies, [], stdout)
    const crossed = interleavings.filter(({ name }) => name.endsWith('other-version'))
    t.deepEqual(
      crossed.map(({ isRequired }) => isRequired),
      [true, true],
    )
    t.true(
      crossed.every(({ times }) => times > 0),
      stdout,
    )
    t.is(code, doubts.length === 0 ? 0 : 3, stdout)
  })
}

const refused = test.macro(async (t, args: string[], line: RegExp) => {
  const command = run(t, ['prove', ...args])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, line)
})

test('without rolling', refused, ['--other-version', '.'], /--other-version is deployed by --faults rolling, alone or/)
test(
  'without such a directory',
  refused,
  ['--other-version', '/nowhere', '--faults', 'rolling'],
  /--other-version \/nowhere: there is no such directory/,
)
test(
  'its interleavings without it',
  refused,
  ['--require', 'to-other-version', '--faults', 'rolling'],
  /--require to-other-version needs nodes of two versions: --other-version DIR/,
)
