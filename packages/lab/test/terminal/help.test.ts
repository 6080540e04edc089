import { stripVTControlCharacters, styleText } from 'node:util'
import test from 'ava'
import { flagsHelp, integerFlag, parseFlags } from '../../src/cli/command/flags.ts'
import { alike, withoutOwn } from '../../src/cli/prove/repeat.ts'
import { campaignKinds } from '../../src/campaign/planned.ts'
import { EFFECTS } from '../../src/faults/kinds/effects.ts'
import { closest } from '../../src/terminal/closest.ts'
import { fitted } from '../../src/terminal/say.ts'
import { wrapped } from '../../src/terminal/wrapped.ts'

const flags = {
  nodes: integerFlag<number>(
    { min: 1, max: 9 },
    { placeholder: 'N', help: 'how many nodes there are, each of which is a process of its own', otherwise: 3 },
  ),
}

test('a text is broken between words', (t) => {
  t.deepEqual(wrapped('one two three four', 9), ['one two', 'three', 'four'])
  t.deepEqual(wrapped('https://127.0.0.1/long one', 9), ['https://127.0.0.1/long', 'one'])
})

test('what a command says fits the terminal, and goes on below its own text', (t) => {
  const columns = 60
  const lines = [
    '  Strategy     replicated: every node holds every session, any node serves any user; nothing else to run',
    `${styleText('red', '12:00:00', { validateStream: false })} node-b died (SIGKILL), it held 50 sessions; every other node has them too: no user is logged out`,
    'ninelives: unknown command "porve": did you mean prove? There are up, watch, attach, prove, atlas and check',
  ]
  const text = fitted(lines.join('\n'), columns)
  const broken = stripVTControlCharacters(text).split('\n')
  for (const line of broken) t.true(line.length <= columns, line)
  t.is(broken[1], '               any node serves any user; nothing else to run')
  t.true(broken.some((line) => /^ {9}\S/.test(line)))
  t.is(text.replaceAll(/\s+/g, ' '), lines.join(' ').replaceAll(/\s+/g, ' '), 'no word is lost or broken')
  t.is(fitted(lines.join('\n'), undefined), lines.join('\n'))
})

test('a command that is too long for the terminal can be copied from it', (t) => {
  t.is(
    fitted(`  Kill a node  curl -X POST http://127.0.0.1:4000/api/faults -d '{"kind":"kill"}'`, 60),
    `  Kill a node  curl -X POST \\\n               http://127.0.0.1:4000/api/faults -d \\\n               '{"kind":"kill"}'`,
  )
  t.regex(fitted(`What it has: npx ninelives check ${'x'.repeat(60)}`, 60), / check \\\nx+$/)
})

test('the help of a flag fits the columns that there are', (t) => {
  for (const columns of [60, 100])
    for (const line of flagsHelp(flags, columns).split('\n')) t.true(line.length <= columns, line)
  t.regex(flagsHelp(flags, 100), /^ {2}--nodes N {2}how many nodes/)
  t.regex(flagsHelp(flags, 40), /^ {2}--nodes N\n {6}how many/)
})

test('a mistyped flag is told with the one that was meant', (t) => {
  t.throws(() => parseFlags('up', flags, ['--ndoes', '5']), {
    message: 'unknown flag --ndoes: did you mean --nodes? up --help lists all',
  })
  t.throws(() => parseFlags('up', flags, ['--speed', '5']), {
    message: /^unknown flag --speed; up knows --nodes, --help$/,
  })
})

test('what is as near to two choices, or near to none, is not guessed', (t) => {
  t.is(closest('prov', ['prove', 'up']), 'prove')
  t.is(closest('pove', ['prove', 'move']), undefined)
  t.is(closest('xyz', ['prove', 'up']), undefined)
})

test('the help says what every fault does', (t) => {
  t.deepEqual(Object.keys(EFFECTS).sort(), [...campaignKinds].sort())
})

test('the runs of a series take its flags, and a seed of their own', (t) => {
  const args = ['--strategy', 'sticky', '--repeat', '3', '--seed=4', '--logs', 'x', '--kills', '2']
  t.deepEqual(withoutOwn(args), ['--strategy', 'sticky', '--kills', '2'])
})

const made = (faults: readonly string[], lost: number) => ({
  verdict: lost > 0 ? ('invalid' as const) : ('valid' as const),
  faults,
  times: new Map(lost > 0 ? [['lost-session', lost]] : []),
})

test('how alike runs were is counted against what most of them did', (t) => {
  const said = alike([made(['kill of a'], 3), made(['kill of a'], 5), made(['kill of b'], 0)])
  t.regex(said, /broke the same, in this order +2 of 3: kill of a\n/)
  t.regex(said, /came to the same verdict +2 of 3: invalid\n/)
  t.regex(said, /found lost-session +2 of 3, 3 to 5 times\n/)
})
