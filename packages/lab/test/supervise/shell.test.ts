/** What the user's own commands leave behind in the log of the commands. */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { Warden } from '../../src/supervise/warden.ts'
import { Shell } from '../../src/target/shell.ts'
import { scratch } from '../fixtures/open-lab.ts'

const MEGABYTE = 1024 * 1024

test('the output of an endless command is cut, and its last line is shown', async (t) => {
  const directory = scratch(t)
  const warden = new Warden()
  t.teardown(() => warden.close())
  const shell = new Shell({ directory, environment: process.env, warden })
  const told = { fault: 1, kind: 'kill' }
  t.is(await shell.run('echo first', told), undefined)
  const failure = await shell.run('head -c 20000000 /dev/zero; printf "\\n\\033[31mlast\\n"; exit 3', told)
  t.is(failure, 'the command exited with 3: \\x1b[31mlast')
  t.is(await shell.run('echo third', told), undefined)
  const log = path.join(directory, 'commands.log')
  t.true(statSync(log).size < 2 * MEGABYTE)
  const text = readFileSync(log, 'utf8')
  t.true(text.startsWith('first\n'))
  t.true(text.endsWith('third\n'))
})
