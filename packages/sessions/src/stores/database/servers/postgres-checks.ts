/** What in the settings and the state of a PostgreSQL loses sessions, or may. */
import { clockFinding, connectionsFinding, type Finding, megabytes } from '../../../findings.ts'
import { serverNetworkFindings, sweepIndexFinding } from './checks.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import type { ServerLocation } from './url.ts'

const FACTS = `SELECT current_setting('server_version'), current_setting('fsync'), current_setting('full_page_writes'),
  current_setting('synchronous_commit'), current_setting('autovacuum'), current_setting('synchronous_standby_names'),
  (SELECT count(*) FROM pg_stat_replication), current_setting('max_connections')::integer,
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  extract(epoch FROM clock_timestamp())::double precision * 1000, pg_database_size(current_database()),
  (SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('ninelives_sessions_sweep') AND indisvalid)`
type Facts = [
  version: string,
  fsync: string,
  fullPageWrites: string,
  synchronousCommit: string,
  autovacuum: string,
  synchronousStandbys: string,
  standbys: number,
  connectionsMax: number,
  connections: number,
  nowMs: number,
  bytes: number,
  sweepIndexes: number,
]

export async function postgresFindings(connection: PostgresConnection, location: ServerLocation): Promise<Finding[]> {
  const startedAtMs = performance.now()
  const { rows } = await connection.ask({ text: FACTS })
  const tookMs = performance.now() - startedAtMs
  const [version, fsync, fullPageWrites, synchronousCommit, autovacuum, synchronousStandbys, ...numbers] =
    rows[0] as Facts
  const [standbys, connectionsMax, connections, nowMs, bytes, sweepIndexes] = numbers
  return [
    ...serverNetworkFindings(location),
    { level: 'fine', name: 'version', line: `PostgreSQL ${version}; the database takes ${megabytes(bytes)}` },
    ...durability(fsync, fullPageWrites, synchronousCommit),
    ...standbyFindings(standbys, synchronousStandbys, location),
    ...vacuum(autovacuum),
    sweepIndexFinding(sweepIndexes > 0),
    connectionsFinding(connections, connectionsMax, 'raise max_connections, or lower connectionsMax in the URL'),
    clockFinding(nowMs - Date.now(), tookMs),
  ]
}

function durability(fsync: string, fullPageWrites: string, synchronousCommit: string): Finding[] {
  if (fsync !== 'on') {
    const line = 'fsync is off: a crash of its machine may damage the database, with all sessions in it'
    return [{ level: 'loss', name: 'fsync', line, remedy: "ALTER SYSTEM SET fsync = 'on', and reload" }]
  }
  const found: Finding[] = []
  if (fullPageWrites !== 'on') {
    const line = 'full_page_writes is off: a crash of its machine may damage the database'
    const remedy = "ALTER SYSTEM SET full_page_writes = 'on', and reload"
    found.push({ level: 'warning', name: 'full-page-writes', line, remedy })
  }
  if (synchronousCommit === 'off') {
    const line = 'synchronous_commit is off: a crash of its machine loses the last acknowledged changes, up to a second'
    found.push({
      level: 'warning',
      name: 'synchronous-commit',
      line,
      remedy: 'take synchronousCommit=off out of the URL',
    })
  }
  if (found.length > 0) return found
  const line = `an acknowledged change is on its disk (fsync, synchronous_commit ${synchronousCommit})`
  return [{ level: 'fine', name: 'durability', line }]
}

function standbyFindings(standbys: number, synchronousStandbys: string, { hosts }: ServerLocation): Finding[] {
  if (standbys === 0) {
    if (hosts.length === 1) return []
    const line = 'the URL names several hosts, and no standby follows the primary: there is nothing to fail over to'
    return [{ level: 'warning', name: 'standbys', line, remedy: 'start a standby, or look into its log' }]
  }
  const line = `${standbys} ${standbys === 1 ? 'standby follows' : 'standbys follow'}`
  if (synchronousStandbys !== '') return [{ level: 'fine', name: 'standbys', line: `${line}, synchronously` }]
  return [
    {
      level: 'warning',
      name: 'standbys',
      line: `${line}, asynchronously: a failover loses the last acknowledged changes`,
      remedy: "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)', and reload",
    },
  ]
}

function vacuum(autovacuum: string): Finding[] {
  if (autovacuum === 'on') return []
  const line = 'autovacuum is off: the table of the sessions grows with each change, until its disk is full'
  return [{ level: 'warning', name: 'autovacuum', line, remedy: "ALTER SYSTEM SET autovacuum = 'on', and reload" }]
}
