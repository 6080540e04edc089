/**
 * Whether Redis answers and yet refuses changes: it is out of memory, can't save to its disk, has fewer replicas than its own
 * `min-replicas-to-write`, or has become a replica. Reads go on, so the breaker must not open. The store learns of it from a change
 * that is refused; from then on each `look` tries a change of its own, until one is accepted.
 */
import type { Clock } from '../../clock.ts'
import { StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../errors.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import type { RedisConnection } from './connection.ts'
import { runScript, type ScriptReply, writeScript } from './scripts.ts'

export interface Refusals {
  /** Runs a change of this key. Rejects with StoreRefusedError if the server refuses it. */
  watched(key: string, change: () => Promise<ScriptReply>): Promise<ScriptReply>
  /** Why changes are refused now, or undefined if none was refused lately. Tries a change if the last one was refused. */
  look(): Promise<StoreRefusedError | undefined>
  /** As of the last change or look. */
  readonly reason: string | undefined
}

export interface RefusalsOptions {
  /** Whether a change that is accepted says so for all keys. In a Cluster it speaks for one primary. */
  readonly isOneServer: boolean
  readonly prefix: string
  readonly clock: Clock
  readonly onEvent: OnStoreEvent
}

/** A script's error may have the code in its middle. */
const REFUSAL = /(?:^|-)(OOM|READONLY|MISCONF|NOREPLICAS) /
const PROBE_MS = 1

export function changeRefusals(
  connection: RedisConnection,
  { isOneServer, prefix, clock, onEvent }: RefusalsOptions,
): Refusals {
  let refused: { readonly key: string; readonly reason: string } | undefined

  const refusalOf = (error: unknown, key: string): StoreRefusedError | undefined => {
    const cause = error instanceof StoreUnavailableError ? error.cause : undefined
    if (!(cause instanceof Error)) return undefined
    const [, code] = REFUSAL.exec(cause.message) ?? []
    if (code === undefined) return undefined
    const { address } = connection
    const reason = `${address} refuses changes: ${cause.message}`
    if (refused === undefined) onEvent({ event: 'changes-refused', server: address, reason })
    refused = { key, reason }
    return code === 'OOM'
      ? new StoreFullError(`${address}, out of memory`, cause)
      : new StoreRefusedError(`${address}, which accepts no changes`, cause)
  }

  const accepted = (): void => {
    if (refused !== undefined) onEvent({ event: 'changes-accepted', server: connection.address })
    refused = undefined
  }

  /** In the slot of the key whose change was refused: another primary of a Cluster may accept changes. */
  const probe = async (key: string): Promise<void> => {
    const args = [clock.now(), prefix, '', 0, clock.now() + PROBE_MS, '']
    await connection.asked((client) => runScript(client, writeScript, `${prefix}~probe{${key}}`, args))
    accepted()
  }

  return {
    get reason() {
      return refused?.reason
    },

    async watched(key, change) {
      try {
        const reply = await change()
        // A destroyed session frees room first, and a touch may write nothing.
        if (isOneServer && reply[0] === 'written') accepted()
        return reply
      } catch (error) {
        throw refusalOf(error, key) ?? error
      }
    },

    async look() {
      if (refused === undefined) return undefined
      const { key } = refused
      try {
        await probe(key)
        return undefined
      } catch (error) {
        const refusal = refusalOf(error, key)
        if (refusal === undefined) throw error
        return refusal
      }
    },
  }
}
