/**
 * One node of a mesh, which makes its own load. It writes to sessions that it owns, as behind a balancer that routes by session, so that
 * no write is forwarded to another owner. Arguments: the store's URL, this node's name, and the names of all, separated by commas.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SessionKey, StoreUnavailableError } from '@ninelives/sessions'
import { rendezvousScore } from '../../packages/balancer/src/routing/rendezvous.ts'
import { newSessionId, sessionKey } from '../../packages/sessions/src/secrets/id.ts'
import { meshStore } from '../../packages/sessions/src/replication/mesh.ts'
import { sessionContents } from '../harness/contents.ts'
import { heapBytes } from '../harness/processes/heap.ts'
import { answerQuestions } from '../harness/processes/worker-process.ts'
import type { Filled, Full, Memory, Question, Ready, Usage, Written } from './questions.ts'

const HOUR_MS = 3_600_000
const FULL_DEADLINE_MS = 60_000
const KEYS_TOLD = 500
/** Creations at a time: enough to keep every node busy. */
const FILL_AT_ONCE = 32

const [, , url = '', name = '', allNames = ''] = process.argv
const names = allNames.split(',')
const startedAtMs = performance.now()
// More than any bench fills in.
const store = meshStore({ url, name, recordsMax: 4_000_000 })
await store.open()
const sinceStartMs = (): number => performance.now() - startedAtMs

const keys: SessionKey[] = []
const versions: number[] = []

answerQuestions((question: Question) => answer(question), { servesAfterMs: sinceStartMs() } satisfies Ready)

async function answer(question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'usage':
      return usage()
    case 'fill':
      return await filled(question.sessions)
    case 'write':
      return await written(question.writes, question.atOnce)
    case 'memory':
      return { heapBytes: heapBytes() } satisfies Memory
    case 'read':
      return await read(question.keys as SessionKey[])
    case 'full':
      return await full(question.sessions)
    default:
      return question satisfies never
  }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  const { traffic, sessions } = store.status()
  return { cpuMicros: user + system, sentBytes: traffic.sentBytes, sessions }
}

async function filled(sessions: number): Promise<Filled> {
  const first = keys.length
  let jsonBytes = 0
  await manyAtOnce(sessions, FILL_AT_ONCE, async () => {
    const body = JSON.stringify(sessionContents(`user-${name}-${versions.length}`))
    jsonBytes += Buffer.byteLength(body)
    const key = ownKey()
    const result = await store.write(key, { expectedVersion: 0, expiresAtMs: Date.now() + HOUR_MS, body })
    assert.equal(result.status, 'written')
    keys.push(key)
    versions.push(1)
  })
  return { jsonBytes: jsonBytes / sessions, keys: keys.slice(first, first + KEYS_TOLD) }
}

async function written(writes: number, atOnce: number): Promise<Written> {
  const micros = createHistogram()
  let refused = 0
  const free = keys.map((_, index) => index)
  let count = 0
  await manyAtOnce(writes, atOnce, async () => {
    const index = free.shift()
    assert(index !== undefined, 'more sessions than writes at a time')
    const key = keys[index]
    const expectedVersion = versions[index]
    assert(key !== undefined && expectedVersion !== undefined)
    const body = JSON.stringify({ ...sessionContents(`user-${name}-${index}`), count: count++ })
    const beganMs = performance.now()
    try {
      const result = await store.write(key, { expectedVersion, expiresAtMs: Date.now() + HOUR_MS, body })
      micros.record(Math.max(1, Math.round(1_000 * (performance.now() - beganMs))))
      assert(result.status === 'written')
      versions[index] = result.version
      free.push(index)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      // It may have been made or not: this session is not written to any more.
      refused++
    }
  })
  return { p50Micros: micros.percentile(50), p99Micros: micros.percentile(99), refused }
}

async function read(keys: readonly SessionKey[]): Promise<{ readonly atMs: number }> {
  for (const key of keys) assert.equal((await store.read(key))?.version, 1, 'a session that was acknowledged')
  return { atMs: sinceStartMs() }
}

async function full(sessions: number): Promise<Full> {
  while (store.status().role !== 'full' || store.status().sessions < sessions) {
    if (sinceStartMs() > FULL_DEADLINE_MS) throw new Error(`not full: ${JSON.stringify(store.status())}`)
    await sleep(5)
  }
  return { fullAfterMs: sinceStartMs() }
}

async function manyAtOnce(times: number, atOnce: number, act: () => Promise<void>): Promise<void> {
  let left = times
  const worker = async (): Promise<void> => {
    while (left-- > 0) await act()
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** A key whose owner is this node. */
function ownKey(): SessionKey {
  for (;;) {
    const key = sessionKey(newSessionId(randomBytes).handle)
    const own = rendezvousScore(key, name)
    if (names.every((other) => other === name || rendezvousScore(key, other) < own)) return key
  }
}
