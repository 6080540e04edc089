/** Runs one script, and checks what happened. */
import { type Placement, placement } from '../replication/context/placement.ts'
import { has } from '../replication/wire/ranks.ts'
import { peer } from '../replication/replica/peer.ts'
import type { Engine } from './engine.ts'
import { standardTiming, type Timing } from '../replication/context/timing.ts'
import { Afflictions } from './world/afflictions.ts'
import { Clients, keyOf, type RefusedOperation } from './world/clients.ts'
import { Cluster, EPOCH_MS } from './world/cluster.ts'
import { inject } from './world/faults.ts'
import { told } from './check/history.ts'
import { linearizable } from './check/linearizable.ts'
import { type Operation, type Script, SKEW_MS } from './world/script.ts'
import { Witness } from './check/witness.ts'

export interface Run {
  readonly violations: readonly string[]
  /** Violations and all that clients saw, for a person. */
  readonly report: () => string
  readonly operations: number
  readonly messages: number
}

/** Shorter waits where safety does not depend on them, and a dozen buckets for a handful of keys. */
const simulatedTiming: Timing = { ...standardTiming, verbMs: 1_000, repairMs: 150, keepMs: 1_000, buckets: 12 }

const HEAL_MS = 50
const SETTLE_MS = 1_500
/** Two meshes that became one take longer. */
const BRUTAL_SETTLE_MS = 3_000
const LAST_LOOK_MS = 300
/** Digests go on for a round with each other node. */
const REST_MS = 1_000
const QUIET_MS = 500
const VIOLATIONS_MAX = 20

export function simulate(script: Script, makePeer: Engine = peer): Run {
  const violations: string[] = []
  const fail = (what: string): void => {
    if (violations.length < VIOLATIONS_MAX) violations.push(what)
  }
  const timing = { ...simulatedTiming, foundMs: script.foundMs, awakeMs: script.awakeMs }
  const witness = new Witness(fail, () => script.isBrutal || !clients.haveWritten)
  const hooks = {
    failed: fail,
    crashed: (node: number) => clients.crashed(node),
    event: witness.event.bind(witness),
  }
  const cluster = new Cluster(script, { makePeer, timing }, hooks)
  const clients = new Clients(script, cluster, fail)
  const afflictions = new Afflictions(script, cluster)
  const names = script.startsMs.map((_, node) => `n${node}`)
  const where = placement(names, script.copies, timing.buckets)
  const living = {
    incarnation: (node: number) => cluster.incarnation(node),
    keepsPlace: (node: number) => afflictions.keepsPlace(node),
  }
  const mayDie = (node: number, heir?: number): boolean => {
    if (script.isBrutal) return true
    return heir === undefined ? witness.isSafeToCrash(node, where, living) : witness.isFull(heir, living)
  }
  for (const fault of script.faults) {
    cluster.time.at(fault.atMs, () => inject(fault, { cluster, afflictions, mayDie }))
  }

  for (const move of script.moves) cluster.time.at(move.atMs, () => cluster.move(move))

  cluster.time.runUntil(script.busyMs + HEAL_MS)
  afflictions.healAll()
  cluster.time.runUntil(cluster.time.nowMs + (script.isBrutal ? BRUTAL_SETTLE_MS : SETTLE_MS))
  const lastMs = cluster.time.nowMs
  expectSettled(script, cluster, fail)
  const members = membersAtLast(script, cluster, fail)
  lookOnceMore(script, members, clients)
  cluster.time.runUntil(lastMs + LAST_LOOK_MS)

  judge(script, clients, afflictions, lastMs, fail)
  compareCopies({ script, cluster, where, members }, fail)
  awaitRest(script, cluster, fail)
  return {
    violations,
    operations: clients.histories.reduce((sum, { length }) => sum + length, 0),
    messages: cluster.network.messages,
    report: () => report(violations, clients),
  }
}

/** Without faults and traffic no change stays pending, whether the node that holds it is awake or quiet. */
function expectSettled({ startsMs }: Script, cluster: Cluster, fail: (what: string) => void): void {
  for (const node of startsMs.keys()) {
    const pending = cluster.peer(node)?.status().pending ?? 0
    if (pending > 0) fail(`n${node} has ${pending} pending changes in the end`)
  }
}

/** The nodes that count in the end. Every change of the members is complete by then, and all know it. */
function membersAtLast({ startsMs }: Script, cluster: Cluster, fail: (what: string) => void): readonly number[] {
  const told = startsMs.map((_, node) => JSON.stringify(cluster.peer(node)?.status().members))
  const { counted = [], adding, removing } = cluster.peer(0)?.status().members ?? {}
  if (adding !== undefined || removing !== undefined || told.some((each) => each !== told[0]))
    fail(`the members are not settled in the end: ${told.join()}`)
  return [...startsMs.keys()].filter((node) => told[node] === undefined || counted.includes(`n${node}`))
}

/** Every key at every member. */
function lookOnceMore(script: Script, members: readonly number[], clients: Clients): void {
  for (const node of members) {
    for (let key = 0; key < script.keys; key++) {
      const id = 1_000_000 + node * script.keys + key
      const client = 1_000 + node
      clients.do(look({ id, client, node, key }), () => undefined)
    }
  }
}

function look(at: Pick<Operation, 'id' | 'client' | 'node' | 'key'>): Operation {
  return { ...at, atMs: 0, verb: 'read', ack: 'one', isBlind: false, fenceMs: 0 }
}

function judge(
  script: Script,
  clients: Clients,
  afflictions: Afflictions,
  lastMs: number,
  fail: (what: string) => void,
): void {
  if (clients.unanswered > 0) fail(`${clients.unanswered} operations were never answered`)
  for (const refused of clients.refused) {
    if (afflictions.isToServe(refused, lastMs)) fail(`without need: ${toldRefused(refused)}`)
  }
  if (script.isBrutal) return
  clients.histories.forEach((history, key) => {
    // Clocks round down to whole milliseconds.
    const verdict = linearizable(history, { skewMs: SKEW_MS + 1, epochMs: EPOCH_MS })
    if (verdict !== 'valid') fail(`key ${key} is ${verdict === 'unknown' ? 'not decided' : 'not linearizable'}`)
  })
}

interface Last {
  readonly script: Script
  readonly cluster: Cluster
  readonly where: Placement
  readonly members: readonly number[]
}

/** In the end all members are full, and all copies the same. */
function compareCopies({ script, cluster, where, members }: Last, fail: (what: string) => void): void {
  const roles = members.map((node) => cluster.peer(node)?.status().role ?? 'dead')
  if (roles.some((role) => role !== 'full')) fail(`not all are full in the end: ${roles.join()}`)
  for (let key = 0; key < script.keys; key++) {
    const replicas = where.replicas(where.bucketOf(keyOf(key)))
    const copies = members.flatMap((node) => {
      if (!has(replicas, node)) return []
      const held = cluster.peer(node)?.held(keyOf(key))
      const isGone = held === undefined || held.change.untilMs <= cluster.wallMs() + 2 * SKEW_MS
      return [{ node, text: isGone ? 'gone' : JSON.stringify(held) }]
    })
    const [first] = copies
    for (const { node, text } of copies) {
      if (text !== first?.text) fail(`key ${key} differs: n${first?.node} has ${first?.text}, n${node} has ${text}`)
    }
  }
}

/** Without traffic all become quiet, and send nothing more. */
function awaitRest({ startsMs, awakeMs }: Script, cluster: Cluster, fail: (what: string) => void): void {
  const { time, network } = cluster
  time.runUntil(time.nowMs + awakeMs + REST_MS)
  const awake = startsMs.flatMap((_, node) => (cluster.peer(node)?.status().quiet === true ? [] : [`n${node}`]))
  if (awake.length > 0) return fail(`${awake.join()} not quiet in the end`)
  const sent = network.messages
  time.runUntil(time.nowMs + QUIET_MS)
  if (network.messages > sent) fail(`${network.messages - sent} messages while all are quiet`)
}

function toldRefused({ operation, node, startMs, endMs, refusal }: RefusedOperation): string {
  const { id, verb, key, ack } = operation
  return `#${id} ${verb} of key ${key} (${ack}) at n${node} ${startMs.toFixed(1)}..${endMs.toFixed(1)}: ${refusal}`
}

function report(violations: readonly string[], clients: Clients): string {
  const lines = clients.histories.flatMap((history, key) => [
    `key ${key}:`,
    ...history.toSorted((left, right) => left.startMs - right.startMs).map((operated) => `  ${told(operated)}`),
  ])
  return [...violations, ...lines, ...clients.refused.map((refused) => `refused: ${toldRefused(refused)}`)].join('\n')
}
