/** What a write is to make of a session's data. As text as well, because a change that met nobody's is text already. */
import { decodeData, EMPTY_DATA, type SessionData } from '../record/data.ts'
import type { Snapshot } from '../record/record.ts'

/** Data, and the same as text. */
export interface Draft {
  readonly data: SessionData
  readonly dataText: string
}

/** Makes the data to store out of the text of what is stored. Must not depend on anything else: it may run again. */
export type Make<T> = (theirsText: string) => Draft & { readonly result: T }

/** For a write that is about something else than the data. */
export function unchanged(theirsText: string): Draft & { readonly result: undefined } {
  return { data: decodeData(theirsText), dataText: theirsText, result: undefined }
}

export function textOf(snapshot: Snapshot | undefined): string {
  return snapshot?.body.dataText ?? EMPTY_DATA
}
