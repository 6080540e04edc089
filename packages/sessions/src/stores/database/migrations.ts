/**
 * Versions of the schema. The table `ninelives_schema` has a row for each version that was applied. Programs of several versions
 * may start at once against one database: the first of them migrates under a lock, and a program that finds a version that it
 * does not know refuses to open. If nothing is to be done, no lock and no right to change the schema are needed.
 */
import { StoreConfigError } from '../../errors.ts'

/** The statements of each version, the first being version 1. Never change one that was released: add another. */
export type Migrations = readonly (readonly string[])[]

export interface MigratedDatabase {
  readonly address: string
  /** The latest version that was applied; 0 for a database without the schema. */
  version(): Promise<number>
  /** Runs `work` while no other program migrates; where the dialect can, all of it or nothing is applied. */
  locked(work: () => Promise<void>): Promise<void>
  apply(statement: string): Promise<void>
}

export const SCHEMA_TABLE = `CREATE TABLE IF NOT EXISTS ninelives_schema (version INTEGER NOT NULL PRIMARY KEY)`

export async function migrate(database: MigratedDatabase, migrations: Migrations): Promise<void> {
  const pending = async (): Promise<Migrations> => {
    const found = await database.version()
    if (found <= migrations.length) return migrations.slice(found)
    throw new StoreConfigError(
      `${database.address} has version ${found} of the ninelives schema, and this program knows version ${migrations.length}: ` +
        'a newer program has migrated it. Update this program, or give it another database.',
    )
  }
  if ((await pending()).length === 0) return
  await database.locked(async () => {
    await database.apply(SCHEMA_TABLE)
    // Another program may have migrated while this one waited for the lock.
    const outstanding = await pending()
    for (const [index, statements] of outstanding.entries()) {
      for (const statement of statements) await database.apply(statement)
      const version = migrations.length - outstanding.length + index + 1
      await database.apply(`INSERT INTO ninelives_schema (version) VALUES (${version})`)
    }
  })
}
