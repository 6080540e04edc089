/** A run whose trace can't be written to its end. */
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { runProgram } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const limited = 'ulimit -f 400; exec "$0" "$@"'

test("prove stops when the trace can't be written, and judges what it has", async (t) => {
  const args = ['prove', '--users', '12', '--rate', '100', '--kills', '200', '--logs', scratch(t)]
  const command = runProgram(t, '/bin/sh', ['-c', limited, process.execPath, cli, ...args])
  t.is(await command.exited, 3)
  t.is(command.output.stderr, '')
  t.regex(command.output.stdout, /the trace can't be written any more \(EFBIG.*\): no more faults\n/)
  t.regex(command.output.stdout, /In doubt +the trace (can be read up to|breaks off after) line \d+/)
})
