/**
 * Adopts a session of other software: its record becomes one of ours, once.
 *
 *     1. create ours, unsettled    its key is derived from the old id, so that all nodes create the same record
 *     2. leave a mark              the old session was adopted: it is not adopted again when ours has ended
 *     3. delete the old record     unless it is left to old nodes
 *     4. settle ours
 *
 * A request goes on with a settled record alone. If a node dies before, the next request, which has the old cookie again, repeats the
 * steps from the second on.
 *
 * Rejected: to derive ids with the application's signing key. While keys rotate, two nodes have different ones, and would adopt
 * the session twice.
 */
import type { EngineContext } from '../context/engine-context.ts'
import type { SessionKey, SessionRecord, SessionWrite, WriteResult } from '../contract.ts'
import { nextSnapshot } from '../engine/next-snapshot.ts'
import { RecordUnreadableError } from '../errors.ts'
import { encodeData, type SessionData } from '../record/data.ts'
import { encodeBody, userInBody } from '../record/record.ts'
import { auxiliaryKey, HANDLE_CHARS, secretDigest, type SessionId, userTag } from '../secrets/id.ts'
import { hmac } from '../secrets/signing-keys.ts'
import type { OldSession, OldSessions } from './old-sessions.ts'

/** What our record of an old session is to have. */
export interface FirstRecord {
  readonly data: SessionData
  readonly secret: string
  readonly maxAgeMs?: number | undefined
}

/** Where an old session is, and where ours of it. */
export interface Adopted {
  readonly oldId: string
  readonly key: SessionKey
}

/** The id of ours for an old session. Only a bearer of the old id can make it. */
export function derivedId(oldId: string): SessionId {
  const derive = hmac(oldId)
  return {
    handle: derive('ninelives adopted handle 1').slice(0, HANDLE_CHARS),
    secret: derive('ninelives adopted secret 1'),
  }
}

/** Our record of a session. Where there is none, an old session that is alive and was never adopted becomes one. */
export async function adopt(
  context: EngineContext,
  old: OldSessions,
  adopted: Adopted,
  recordOf: (found: OldSession) => FirstRecord,
): Promise<SessionRecord | undefined> {
  const { store, clock } = context
  const { oldId, key } = adopted
  let record = await store.read(key)
  if (clock.now() >= old.untilMs) return record
  // Another request may have created ours and ended the old one between two of these questions.
  record ??= (await created(context, old, adopted, recordOf)) ?? (await store.read(key))
  if (record === undefined || !isUnsettled(record)) return record
  await mark(context, old, key)
  if (!old.keepsRecords) await old.end(oldId)
  const settled = settledWrite(record)
  return asRecord(settled, await store.write(key, settled))
}

async function created(
  context: EngineContext,
  old: OldSessions,
  { oldId, key }: Adopted,
  recordOf: (found: OldSession) => FirstRecord,
): Promise<SessionRecord | undefined> {
  const { store, onEvent } = context
  if ((await store.read(markOf(key))) !== undefined) return undefined
  const found = await old.read(oldId)
  if (found === undefined) return undefined
  const first = firstWrite(context, recordOf(found))
  const result = await store.write(key, first)
  if (result.status === 'written') onEvent({ event: 'adopted' })
  return asRecord(first, result)
}

/**
 * The user logs out with an old session in hand: it is ended, is not adopted later, and is fenced against requests that are about to adopt
 * it.
 */
export async function endOld(context: EngineContext, old: OldSessions, { oldId, key }: Adopted): Promise<void> {
  if (context.clock.now() >= old.untilMs) return
  const isMarked = (await context.store.read(markOf(key))) !== undefined
  if (!isMarked && !(await isAlive(old, oldId))) return
  await mark(context, old, key)
  await context.end(key, undefined)
  await old.end(oldId)
}

async function isAlive(old: OldSessions, oldId: string): Promise<boolean> {
  try {
    return (await old.read(oldId)) !== undefined
  } catch (error) {
    // It can't be adopted either.
    if (error instanceof RecordUnreadableError) return false
    throw error
  }
}

async function mark({ store }: EngineContext, { untilMs }: OldSessions, key: SessionKey): Promise<void> {
  // Where there is one already, it is the same.
  await store.write(markOf(key), { expectedVersion: 0, expiresAtMs: untilMs, body: '{}' })
}

function markOf(key: SessionKey): SessionKey {
  return auxiliaryKey(JSON.stringify(['adopted', key]))
}

/** What is stored after a write: another node may have been faster, and what it has written is as good. */
function asRecord(written: SessionWrite, result: WriteResult): SessionRecord | undefined {
  if (result.status === 'conflict') return result.current
  return result.status === 'gone' ? undefined : { ...written, version: result.version }
}

/**
 * Its age begins now, because the old record does not say when it began. Its epoch is the first: if all of the user's sessions
 * were ended here, it is among them.
 */
function firstWrite(context: EngineContext, { data, secret, maxAgeMs }: FirstRecord): SessionWrite {
  const name = context.userOf(data)
  const user = name === undefined ? undefined : userTag(name)
  const change = {
    dataText: encodeData(data),
    user,
    epoch: 0,
    answersText: undefined,
    forgetsKeys: false,
    rotate: false,
    maxAgeMs,
    confirmed: false,
    nextDigest: () => secretDigest(secret),
  }
  const { expiresAtMs, body } = nextSnapshot(undefined, change, context, context.clock.now())
  return { expectedVersion: 0, expiresAtMs, body: UNSETTLED + encodeBody(body).slice(1), givesWay: user === undefined }
}

/** How an unsettled body begins. The engine would take it for any other. */
const UNSETTLED = '{"o":1,'

function isUnsettled({ body }: SessionRecord): boolean {
  return body.startsWith(UNSETTLED)
}

function settledWrite({ version, expiresAtMs, body: unsettled }: SessionRecord): SessionWrite {
  const body = `{${unsettled.slice(UNSETTLED.length)}`
  return { expectedVersion: version, expiresAtMs, body, givesWay: userInBody(body) === undefined }
}
