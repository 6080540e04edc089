/** What clients saw: when each operation began and ended, and its result. `endMs` is Infinity for an unknown end. */
import type { SessionRecord, WriteResult } from '../../contract.ts'

export type Seen =
  | { readonly verb: 'read'; readonly record: SessionRecord | undefined }
  | { readonly verb: 'touch'; readonly isThere: boolean }
  | {
      readonly verb: 'write'
      readonly expectedVersion: number
      readonly body: string
      readonly result: WriteResult | undefined
    }
  /** Undefined: unknown. */
  | { readonly verb: 'destroy'; readonly fenceUntilMs: number; readonly isDone: boolean | undefined }

export interface Operated {
  readonly id: number
  readonly client: number
  readonly node: number
  readonly startMs: number
  readonly endMs: number
  readonly seen: Seen
}

export function told({ id, client, node, startMs, endMs, seen }: Operated): string {
  const when = `${startMs.toFixed(1)}..${endMs === Infinity ? '?' : endMs.toFixed(1)}`
  return `#${id} client ${client} at n${node} ${when} ${toldSeen(seen)}`
}

function toldSeen(seen: Seen): string {
  switch (seen.verb) {
    case 'read':
      return `read ${toldRecord(seen.record)}`
    case 'touch':
      return `touch ${seen.isThere ? 'there' : 'absent'}`
    case 'destroy':
      return `destroy ${seen.isDone === true ? 'done' : 'unknown'} (fence until ${seen.fenceUntilMs})`
    case 'write': {
      const { expectedVersion, body, result } = seen
      const outcome =
        result?.status === 'conflict' ? `conflict ${toldRecord(result.current)}` : (result?.status ?? 'unknown')
      return `write "${body}" on version ${expectedVersion}: ${outcome}`
    }
  }
}

function toldRecord(record: SessionRecord | undefined): string {
  return record === undefined ? 'absent' : `version ${record.version} "${record.body}"`
}
