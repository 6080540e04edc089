/** Which nodes a fault falls on. */
import test from 'ava'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { ask } from '../fixtures/ask.ts'
import { startedLab } from '../fixtures/open-lab.ts'

test('a fault on several nodes is over when the last has recovered', async (t) => {
  const lab = await startedLab(t, { nodes: 3 })
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'all' } })
  t.is(status, 201)
  t.is(json.target, 'a,b,c')
  t.true(lab.cluster.nodes.every(({ life }) => life === 'paused'))
  t.is((await ask(lab, 'DELETE', `/api/faults/${json.id}`)).status, 200)
  t.true(lab.cluster.nodes.every(({ life }) => life === 'up'))
  const named = await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'c,a' } })
  t.is(named.json.target, 'c,a')
})

test('a minority leaves a majority, and the seed chooses its nodes', async (t) => {
  const drawn: string[] = []
  for (let run = 0; run < 2; run++) {
    const lab = await startedLab(t, { nodes: 5 })
    const { json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'minority' } })
    drawn.push(json.target)
    await lab.kill()
  }
  t.is(drawn[0]?.split(',').length, 2)
  t.is(drawn[0], drawn[1])
})

test('two nodes have no minority', async (t) => {
  const lab = await startedLab(t)
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'minority' } })
  t.is(status, 409)
  t.is(json.error.code, 'NO_MINORITY')
})

test("the owner is the node with the user's session", async (t) => {
  const lab = await startedLab(t)
  const pause = (target: string) => ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target } })
  t.is((await pause('owner')).json.error.message, 'no user is logged in just now')
  const times = { dueAtMs: 0, sentAtMs: 0, lateMs: 0 }
  const login = { type: 'operation-sent', op: 1, user: 'user-3', visit: 1, tab: 0, kind: 'login', ...times } as const
  lab.trace.append(login)
  lab.trace.append({ type: 'operation-ended', op: 1, endedAtMs: 1, outcome: 'ok', node: 'b' })
  const owner = await pause('owner:user-3')
  t.is(owner.json.target, 'b')
  await ask(lab, 'DELETE', `/api/faults/${owner.json.id}`)
  t.is((await pause('owner')).json.target, 'b')
  lab.trace.append({ ...login, op: 2, kind: 'logout' })
  lab.trace.append({ type: 'operation-ended', op: 2, endedAtMs: 2, outcome: 'ok', node: 'b' })
  t.is((await pause('owner:user-3')).json.error.message, 'user-3 is not logged in just now')
})

test('a random fault leaves out a node on which another is still to land', async (t) => {
  const lab = await startedLab(t, { nodes: 3, programs: ownPrograms() })
  const crash = { kind: 'crash', target: 'b', point: 'before-commit' }
  t.is((await ask(lab, 'POST', '/api/faults', { body: crash })).status, 201)
  for (let time = 1; time <= 8; time++) {
    const { json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'random' } })
    t.not(json.target, 'b')
    await ask(lab, 'DELETE', `/api/faults/${json.id}`)
  }
  // It falls there all the same where no other node is left.
  t.is((await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'a,c' } })).status, 201)
  t.is((await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'random' } })).json.target, 'b')
})
