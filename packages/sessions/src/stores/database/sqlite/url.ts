/** `sqlite:PATH?settings`: PATH is relative or absolute, with %3F for a '?' and %25 for a '%' in it. */
import { StoreConfigError } from '../../../errors.ts'
import { decoded, setting, settings } from '../../../url-settings.ts'

export interface SqliteLocation {
  readonly path: string
  /** `FULL`: a change is on the disk before it is acknowledged. `NORMAL`: the last changes may be lost when the machine loses power. */
  readonly synchronous: 'FULL' | 'NORMAL'
  /** How long a call may wait for the lock of another process, and then for the disk. */
  readonly timeoutMs: number
  readonly openTimeoutMs: number | undefined
  /** How large the file may become; then it is full. */
  readonly bytesMax: number | undefined
}

/** Room for the schema and a few sessions. */
const BYTES_MIN = 65_536

export function sqliteLocation(url: string): SqliteLocation {
  const [, text = ''] = /^sqlite:([^?]*)/i.exec(url) ?? []
  const path = decoded(text.startsWith('///') ? text.slice(2) : text)
  if (path === '' || path.startsWith('//'))
    throw new StoreConfigError(
      'a SQLite URL is sqlite:PATH, as in sqlite:sessions.db or sqlite:/var/lib/shop/sessions.db',
    )
  if (path === ':memory:')
    throw new StoreConfigError("sqlite::memory: would be each node's own: use memory:, or a file that the nodes share")
  const {
    synchronous = 'FULL',
    timeoutMs = 1_000,
    openTimeoutMs,
    bytesMax,
  } = settings(url, {
    synchronous: setting.oneOf('FULL', 'NORMAL'),
    timeoutMs: setting.durationMs(),
    openTimeoutMs: setting.durationMs(),
    bytesMax: setting.wholeNumber(BYTES_MIN),
  })
  return { path, synchronous, timeoutMs, openTimeoutMs, bytesMax }
}
