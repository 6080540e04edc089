/**
 * Nodes that die or fall silent one after the other, at random moments, under load. NINELIVES_FAULTS says how many a test makes;
 * the default is for every run of the tests.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import type { Running } from '../../packages/lab/test/fixtures/command.ts'
import { until } from '@ninelives/lab'
import { shoppers } from './shoppers.ts'

const FAULTS = Number(process.env['NINELIVES_FAULTS'] ?? 3)
const PAUSE_MS = 3_000
/** Between the return of one node and what happens to the next. */
const REST_MAX_MS = 1_000
const OPERATIONS_PER_SECOND = 300
/** On a machine that does other things as well; without those none fails. */
const SHARE_FAILED_MAX = 0.02
/** A machine that does less of its load says nothing of how many requests fail on one that does it. */
const SHARE_SENT_MIN = 0.8

const JSON_HEADERS = { 'Content-Type': 'application/json' }

/** The nodes that a fault may hit. Default: any. */
export type Among = ReadonlySet<string>

interface Node {
  readonly name: string
  readonly pid: number | null
  readonly state: string
}

async function nodes({ control }: Running): Promise<Node[]> {
  const answer = (await (await fetch(`${control}/api/cluster`)).json()) as { nodes: Node[] }
  return answer.nodes
}

async function randomNode(lab: Running, among?: Among): Promise<{ readonly name: string; readonly pid: number }> {
  const all = (await nodes(lab)).filter(({ name }) => among?.has(name) ?? true)
  const { name = '', pid } = all[Math.floor(Math.random() * all.length)] ?? {}
  if (typeof pid !== 'number') throw new Error(`node ${name} is not up`)
  return { name, pid }
}

/** By its pid, behind the lab's back. */
export async function killOne(lab: Running, among?: Among): Promise<void> {
  const victim = await randomNode(lab, among)
  process.kill(victim.pid, 'SIGKILL')
  await untilBack(lab, victim)
}

/** At that instant of some request. */
export function crashOne(point: 'before-commit' | 'after-commit'): (lab: Running, among?: Among) => Promise<void> {
  return async (lab, among) => {
    const victim = await randomNode(lab, among)
    const body = JSON.stringify({ kind: 'crash', target: victim.name, point })
    const { status } = await fetch(`${lab.control}/api/faults`, { method: 'POST', headers: JSON_HEADERS, body })
    if (status !== 201) throw new Error(`the crash of ${victim.name} was answered by ${status}`)
    await untilBack(lab, victim)
  }
}

async function untilBack(lab: Running, victim: { readonly name: string; readonly pid: number }): Promise<void> {
  await until(async () => (await nodes(lab)).some((node) => isBack(node, victim)), {
    deadlineMs: 60_000,
    what: `node ${victim.name} to come back`,
  })
}

function isBack({ name, pid, state }: Node, before: { readonly name: string; readonly pid: number }): boolean {
  return name === before.name && state === 'up' && pid !== null && pid !== before.pid
}

export async function pauseOne(lab: Running, among?: Among): Promise<void> {
  const victim = await randomNode(lab, among)
  process.kill(victim.pid, 'SIGSTOP')
  await sleep(PAUSE_MS)
  process.kill(victim.pid, 'SIGCONT')
}

export async function survives(
  t: ExecutionContext,
  lab: Running,
  tabs: number,
  fault: (lab: Running) => Promise<void>,
): Promise<void> {
  t.timeout(150_000 + FAULTS * 10_000)
  const users = shoppers(lab.shop, { users: 60, tabs, operationsPerSecond: OPERATIONS_PER_SECOND })
  await users.begin()
  const ending = new AbortController()
  const beganAtMs = performance.now()
  const shopping = users.shop(ending.signal)
  for (let count = 0; count < FAULTS; count++) {
    await sleep(Math.random() * REST_MAX_MS)
    await fault(lab)
  }
  await sleep(REST_MAX_MS)
  ending.abort()
  await shopping
  const due = ((performance.now() - beganAtMs) / 1_000) * OPERATIONS_PER_SECOND
  t.deepEqual(await users.harm(), { loggedOut: 0, stale: [], lost: [], doubled: [] })
  const { operations, acknowledged, failed, slowestMs } = users.counts
  t.log(
    `${FAULTS} faults: ${operations} operations, ${acknowledged} writes acknowledged, ${failed} failed, slowest ${Math.round(slowestMs)} ms`,
  )
  t.true(acknowledged > 100)
  const isOverloaded = operations < due * SHARE_SENT_MIN
  t.true(isOverloaded || failed <= operations * SHARE_FAILED_MAX, `${failed} of ${operations} failed`)
}
