/** Makes the store that a database's URL names; its driver is imported only then. */
import type { SessionStore } from '../../contract.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import { databaseStore } from './database.ts'
import { sqliteDialect } from './sqlite.ts'
import { sqliteLocation } from './sqlite-url.ts'

export function databaseStoreFromUrl(url: string, onEvent: OnStoreEvent | undefined): SessionStore {
  const location = sqliteLocation(url)
  return databaseStore({ dialect: sqliteDialect(location), openTimeoutMs: location.openTimeoutMs, onEvent })
}
