/** The text that the old store has in place of a session that moves or has moved: see moving.ts. */
import type { SessionRecord } from '../../contract.ts'

export interface MovingMark {
  /** The mark's own record in the old store. */
  readonly record: Pick<SessionRecord, 'version' | 'expiresAtMs'>
  /** The session's version when it moved. It is version 1 in the new store. */
  readonly version: number
  /** The session's body, which the new store may not have yet. */
  readonly body: string
}

export type Mark = ({ readonly state: 'moving' } & MovingMark) | { readonly state: 'moved'; readonly version: number }

/** No body begins with a NUL character, as bodies are JSON. */
const SHAPE = /^\0(?:moved (\d+)|moving (\d+)\n)/

export function movingText(version: number, body: string): string {
  return `\0moving ${version}\n${body}`
}

export function movedText(version: number): string {
  return `\0moved ${version}`
}

export function markOf(record: SessionRecord | undefined): Mark | undefined {
  const [head, moved, moving] = SHAPE.exec(record?.body ?? '') ?? []
  if (record === undefined || head === undefined) return undefined
  if (moved !== undefined) return { state: 'moved', version: Number(moved) }
  return { state: 'moving', version: Number(moving), body: record.body.slice(head.length), record }
}
