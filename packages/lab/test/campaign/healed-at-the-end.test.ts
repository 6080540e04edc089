/** Whatever a lab has broken is over when it ends, however it ends: the next start finds nothing of it. */
import { request } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { runState } from '../../src/supervise/process-table.ts'
import { family, type Running, runUp, untilGone } from '../fixtures/command.ts'

function inject({ control }: Running, fault: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${control}/api/faults`, { method: 'POST' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('error', reject).end(JSON.stringify(fault))
  })
}

/** A cluster with a paused process, a stalled one and a cut edge, and all its processes. */
async function broken(t: ExecutionContext): Promise<{ lab: Running; pids: readonly number[] }> {
  const lab = await runUp(t, '--strategy', 'sticky', '--users', '0', '--edges', 'on')
  const pids = family(lab.pid)
  const faults = [
    { kind: 'cut', target: 'balancer>a' },
    { kind: 'pause', target: 'b' },
    { kind: 'stall', target: 'c', durationMs: 60_000 },
  ]
  for (const fault of faults) t.is(await inject(lab, fault), 201)
  const states = await Promise.all(pids.map((pid) => runState(pid)))
  t.is(states.filter((state) => state === 'stopped').length, 1)
  return { lab, pids }
}

test.serial('a killed lab leaves nothing stopped, stalled or cut', async (t) => {
  const { lab, pids } = await broken(t)
  lab.process.kill('SIGKILL')
  await untilGone(pids)
  t.is(await lab.exited, 'SIGKILL')
})

test.serial('a lab that is stopped leaves nothing stopped, stalled or cut', async (t) => {
  const { lab, pids } = await broken(t)
  lab.process.kill('SIGINT')
  t.is(await lab.exited, 0)
  await untilGone(pids)
})
