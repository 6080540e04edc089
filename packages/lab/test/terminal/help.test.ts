import test from 'ava'
import { flagsHelp, integerFlag, parseFlags } from '../../src/cli/command/flags.ts'
import { closest } from '../../src/terminal/closest.ts'
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
