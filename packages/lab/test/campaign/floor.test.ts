/** Users on the floor of real clusters, and what becomes of their moves when nodes die. */
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge, type Verdict } from '@ninelives/history'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const small = ['--floor', '1', '--users', '24', '--rate', '80', '--tabs', '2', '--seed', '5']

async function prove(t: ExecutionContext, ...args: string[]): Promise<Verdict & { readonly stdout: string }> {
  const directory = scratch(t)
  const command = run(t, ['prove', ...small, '--logs', directory, ...args])
  await command.exited
  t.is(command.output.stderr, '')
  const { stdout } = command.output
  return { ...judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events), stdout }
}

test.serial('replicated: no acknowledged move is lost or done twice', async (t) => {
  const { anomalies, floor, stdout } = await prove(
    t,
    '--kills',
    '4',
    '--faults',
    'kill,pause,crash:after-commit:move,drain',
  )
  // On a busy machine a node may hear of a logout later than after 250 ms.
  const found = anomalies.filter(({ kind }) => kind !== 'outlived-socket')
  t.deepEqual(found, [], stdout)
  t.true((floor?.moves.acknowledged ?? 0) > 100, stdout)
  t.deepEqual([floor?.moves.lost, floor?.moves.doubled], [0, 0])
})

test.serial('sticky: the moves of a node that died are gone with its sessions', async (t) => {
  const { anomalies, stdout } = await prove(t, '--strategy', 'sticky', '--kills', '3')
  t.true(
    anomalies.some(({ kind }) => kind === 'lost-session'),
    stdout,
  )
})

test('a share that is none, and an interleaving that needs the floor, are refused', async (t) => {
  const share = run(t, ['prove', '--floor', '2'])
  t.is(await share.exited, 2)
  t.regex(share.output.stderr, /--floor/)
  const ashore = run(t, ['prove', '--require', 'move-on-dying-node'])
  t.is(await ashore.exited, 2)
  t.regex(ashore.output.stderr, /needs users on the floor: --floor 0\.5/)
})
