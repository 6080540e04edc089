/** Makes the store that a database's URL names. The driver is imported when the store is opened. */
import type { SessionStore } from '../../contract.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import { databaseStore } from './database.ts'
import { mysqlDialect } from './servers/mysql.ts'
import { postgresDialect } from './servers/postgres.ts'
import { serverLocation } from './servers/url.ts'
import { sqliteDialect } from './sqlite/sqlite.ts'
import { sqliteLocation } from './sqlite/url.ts'

export function databaseStoreFromUrl(url: string, onEvent: OnStoreEvent | undefined): SessionStore {
  if (/^sqlite:/i.test(url)) {
    const location = sqliteLocation(url)
    return databaseStore({ dialect: sqliteDialect(location), openTimeoutMs: location.openTimeoutMs, onEvent })
  }
  const location = serverLocation(url)
  return databaseStore({
    dialect: location.kind === 'postgres' ? postgresDialect(location) : mysqlDialect(location),
    openTimeoutMs: location.settings.openTimeoutMs,
    onEvent,
  })
}
