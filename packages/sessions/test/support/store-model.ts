/**
 * Random commands on the nodes of one store, whose every answer must be that of one plain map: a read finds what was acknowledged
 * last, on every node. A read that races a change may find what was there before it or after it.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { SessionKey, SessionRecord, SessionStore, WriteResult } from '../../src/contract.ts'
import { freshKey, inAnHour } from './records.ts'

type Change =
  | { readonly verb: 'write'; readonly isStale: boolean }
  | { readonly verb: 'touch' }
  | { readonly verb: 'destroy' }

type Command =
  | { readonly do: 'read'; readonly node: number; readonly key: number }
  | {
      readonly do: 'change'
      readonly node: number
      readonly key: number
      readonly change: Change
      readonly raced: boolean
    }
  | { readonly do: 'disturb' }

export interface ModelSubject {
  readonly nodes: readonly SessionStore[]
  /** A fault that no answer may show. */
  readonly disturb?: () => Promise<unknown>
  readonly runs: number
}

const KEYS = 2
const COMMANDS_MIN = 30
const COMMANDS_MAX = 80
const FENCED = 'fenced'

export async function obeysModel({ nodes, disturb = async () => {}, runs }: ModelSubject): Promise<void> {
  const property = fc.asyncProperty(
    fc.array(commandOn(nodes.length), { minLength: COMMANDS_MIN, maxLength: COMMANDS_MAX }),
    async (commands) => {
      const keys = Array.from({ length: KEYS }, freshKey)
      const model = new Map<SessionKey, SessionRecord | typeof FENCED>()
      for (const command of commands) {
        if (command.do === 'disturb') {
          await disturb()
          continue
        }
        const key = keys[command.key] as SessionKey
        const node = nodes[command.node] as SessionStore
        const before = found(model.get(key))
        if (command.do === 'read') {
          assert.deepEqual(await node.read(key), before, 'a read found something else than what was acknowledged last')
          continue
        }
        const racing = command.raced ? nodes.map((each) => each.read(key)) : []
        await carryOut(node, key, command.change, model)
        const after = found(model.get(key))
        for (const read of await Promise.all(racing))
          assert(isSame(read, before) || isSame(read, after), 'a racing read found what was never there')
      }
    },
  )
  await fc.assert(property, { numRuns: runs, endOnFailure: true, includeErrorInReport: true })
}

function commandOn(nodes: number): fc.Arbitrary<Command> {
  const place = { node: fc.nat({ max: nodes - 1 }), key: fc.nat({ max: KEYS - 1 }) }
  const change: fc.Arbitrary<Change> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ verb: fc.constant('write' as const), isStale: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ verb: fc.constant('touch' as const) }) },
    { weight: 1, arbitrary: fc.record({ verb: fc.constant('destroy' as const) }) },
  )
  return fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constant('read' as const), ...place }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('change' as const), ...place, change, raced: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('disturb' as const) }) },
  )
}

/** Carries out the change on the node and on the model, and compares the answers. */
async function carryOut(
  node: SessionStore,
  key: SessionKey,
  change: Change,
  model: Map<SessionKey, SessionRecord | typeof FENCED>,
): Promise<void> {
  const there = model.get(key)
  const record = found(there)
  if (change.verb === 'destroy') {
    await node.destroy(key, { fenceUntilMs: inAnHour() })
    model.set(key, FENCED)
  } else if (change.verb === 'touch') {
    const expiresAtMs = (record?.expiresAtMs ?? inAnHour()) + 1_000
    assert.equal(await node.touch(key, expiresAtMs), record !== undefined)
    if (record !== undefined) model.set(key, { ...record, expiresAtMs })
  } else {
    const expectedVersion = Math.max(0, (record?.version ?? 0) - (change.isStale ? 1 : 0))
    const write = { expectedVersion, expiresAtMs: inAnHour(), body: `body ${Math.random()}` }
    const expected = written(there, expectedVersion)
    assert.deepEqual(await node.write(key, write), expected)
    if (expected.status === 'written')
      model.set(key, { version: expected.version, expiresAtMs: write.expiresAtMs, body: write.body })
  }
}

function written(there: SessionRecord | typeof FENCED | undefined, expectedVersion: number): WriteResult {
  if (there === FENCED || (there === undefined && expectedVersion > 0)) return { status: 'gone' }
  if (there !== undefined && there.version !== expectedVersion) return { status: 'conflict', current: there }
  return { status: 'written', version: expectedVersion + 1 }
}

function found(there: SessionRecord | typeof FENCED | undefined): SessionRecord | undefined {
  return there === FENCED ? undefined : there
}

function isSame(one: SessionRecord | undefined, other: SessionRecord | undefined): boolean {
  return one?.version === other?.version && one?.body === other?.body && one?.expiresAtMs === other?.expiresAtMs
}
