/** A change of a session's data. The text is kept beside the data, so that unchanged data is not encoded again. */
import { decodeData, EMPTY_DATA, type SessionData } from '../record/data.ts'
import type { Snapshot } from '../record/record.ts'

export interface EncodedData {
  readonly data: SessionData
  readonly dataText: string
}

export interface Transformed<T> extends EncodedData {
  readonly result: T
}

/** Makes the new data from the stored text. Must depend on nothing else: it runs again after a conflict. */
export type Transform<T> = (currentText: string) => Transformed<T>

/** For a write that leaves the data alone. */
export function unchanged(currentText: string): Transformed<undefined> {
  return { data: decodeData(currentText), dataText: currentText, result: undefined }
}

export function textOf(snapshot: Snapshot | undefined): string {
  return snapshot?.body.dataText ?? EMPTY_DATA
}
