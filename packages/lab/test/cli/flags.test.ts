import test from 'ava'
import { UsageError } from '../../src/errors.ts'
import {
  choiceFlag,
  flagsHelp,
  httpUrl,
  integerFlag,
  listed,
  parseFlags,
  switchFlag,
} from '../../src/cli/command/flags.ts'

const flags = {
  nodes: integerFlag({ min: 1, max: 12 }, { placeholder: 'N', help: 'how many', otherwise: 3 }),
  colour: choiceFlag<string | undefined>(['red', 'green'], {
    placeholder: 'NAME',
    help: 'which',
    otherwise: undefined,
  }),
}

test('a flag that is not given has its default', (t) => {
  t.deepEqual(parseFlags('up', flags, []), { nodes: 3, colour: undefined })
})

test('a value may follow or be joined by an equals sign, and the last one counts', (t) => {
  t.deepEqual(parseFlags('up', flags, ['--nodes', '5', '--colour=red']), { nodes: 5, colour: 'red' })
  t.like(parseFlags('up', flags, ['--nodes', '5', '--nodes', '6']), { nodes: 6 })
})

test('-h and --help come before every other check', (t) => {
  t.is(parseFlags('up', flags, ['--help']), 'help')
  t.is(parseFlags('up', flags, ['-h', '--unheard-of']), 'help')
})

const refused = test.macro((t, args: string[], message: string) => {
  t.throws(() => parseFlags('up', flags, args), { instanceOf: UsageError, message })
})

test('out of range', refused, ['--nodes', '13'], '--nodes takes 1 to 12, not "13"')
test('negative', refused, ['--nodes', '-1'], '--nodes takes 1 to 12, not "-1"')
test('not a number', refused, ['--nodes', '3x'], '--nodes takes 1 to 12, not "3x"')
test('not whole', refused, ['--nodes=1.5'], '--nodes takes 1 to 12, not "1.5"')
test('empty', refused, ['--nodes='], '--nodes takes 1 to 12, not ""')
test('no value', refused, ['--nodes'], '--nodes needs a value: 1 to 12')
test('no such choice', refused, ['--colour', 'blue'], '--colour takes red or green, not "blue"')
test('no such flag', refused, ['--shape', 'round'], 'unknown flag --shape; up knows --nodes, --colour, --help')
test('no such short flag', refused, ['-x'], 'unknown flag -x; up knows --nodes, --colour, --help')
test('a word too many', refused, ['round'], 'up takes no "round"; up knows --nodes, --colour, --help')

const switches = { ...flags, json: switchFlag('as data') }

test('a switch takes no value', (t) => {
  t.like(parseFlags('up', switches, []), { json: false })
  t.like(parseFlags('up', switches, ['--json', '--nodes', '4']), { json: true, nodes: 4 })
  t.throws(() => parseFlags('up', switches, ['--json=1']), { message: '--json takes nothing, not "1"' })
  t.throws(() => parseFlags('up', switches, ['--fly']), { message: /up knows --nodes, --colour, --json, --help$/ })
  t.is(flagsHelp(switches).split('\n')[2], '  --json         as data')
})

test('the help names every flag with its value', (t) => {
  t.is(flagsHelp(flags), '  --nodes N      how many\n  --colour NAME  which\n')
})

test('a list is written as a sentence', (t) => {
  t.deepEqual([listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c'])], ['a', 'a or b', 'a, b or c'])
})

test('an address of a server is taken, with its slash or without', (t) => {
  t.is(httpUrl('http://127.0.0.1:8080')?.origin, 'http://127.0.0.1:8080')
  t.is(httpUrl('http://[::1]:8080/')?.origin, 'http://[::1]:8080')
  t.is(httpUrl('HTTP://Shop')?.origin, 'http://shop')
})

for (const value of [
  'shop',
  'https://shop',
  'http://shop/v2',
  'http://shop/?a=1',
  'http://shop?',
  'http://me:secret@shop',
  'http://shop/#a',
]) {
  test(`${value} is more than an address of a server, or none`, (t) => t.is(httpUrl(value), undefined))
}
