/** Makes the store that a database's URL names. The driver is imported when the store is opened. */
import type { SessionStore } from '../contract.ts'
import type { OnStoreEvent } from '../telemetry.ts'
import { databaseStore } from './database/database.ts'
import { mysqlDialect } from './database/servers/mysql.ts'
import { postgresDialect } from './database/servers/postgres.ts'
import { serverLocation } from './database/servers/url.ts'
import { versionedCopies } from './database/sqlite/copies.ts'
import { sqliteDialect } from './database/sqlite/sqlite.ts'
import { sqliteLocation } from './database/sqlite/url.ts'

export function databaseStoreFromUrl(url: string, onEvent: OnStoreEvent | undefined): SessionStore {
  if (/^sqlite:/i.test(url)) {
    const location = sqliteLocation(url)
    const dialect = sqliteDialect(location)
    const store = databaseStore({ dialect, openTimeoutMs: location.openTimeoutMs, onEvent })
    return Object.assign(store, { copies: versionedCopies(store, dialect.dataVersion) })
  }
  const location = serverLocation(url)
  return databaseStore({
    dialect: location.kind === 'postgres' ? postgresDialect(location) : mysqlDialect(location),
    openTimeoutMs: location.settings.openTimeoutMs,
    onEvent,
  })
}
