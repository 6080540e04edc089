/** What in the settings and the state of a MySQL or MariaDB loses sessions, or may. */
import { clockFinding, connectionsFinding, type Finding, megabytes } from '../../../findings.ts'
import { serverNetworkFindings, sweepIndexFinding } from './checks.ts'
import type { MysqlConnection } from './mysql-connection.ts'
import type { ServerLocation } from './url.ts'

const FACTS = `SELECT VERSION(), @@global.innodb_flush_log_at_trx_commit, @@global.log_bin, @@global.sync_binlog,
  @@global.innodb_doublewrite, @@global.max_allowed_packet, @@global.max_connections, UNIX_TIMESTAMP(NOW(3)) * 1000,
  (SELECT COUNT(*) FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND index_name = 'ninelives_sessions_sweep'),
  (SELECT data_length + index_length + data_free FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'ninelives_sessions')`
/** What a session may take, and as much again for what the layer keeps beside it. */
const PACKET_BYTES_MIN = 1024 * 1024
/** What InnoDB extends a file by, once it no longer does so page by page. */
const EXTENT_BYTES = 1024 * 1024

export async function mysqlFindings(connection: MysqlConnection, location: ServerLocation): Promise<Finding[]> {
  const startedAtMs = performance.now()
  const [facts = []] = await connection.apply(FACTS)
  const tookMs = performance.now() - startedAtMs
  const [
    version,
    flush,
    hasBinlog,
    syncBinlog,
    doublewrite,
    packetBytes,
    connectionsMax,
    nowMs,
    sweepIndexes,
    tableBytes,
  ] = facts
  const [[, connections] = []] = await connection.apply("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
  return [
    ...serverNetworkFindings(location),
    { level: 'fine', name: 'version', line: String(version) },
    ...durability(Number(flush), Number(hasBinlog) === 1 && Number(syncBinlog) !== 1, String(doublewrite)),
    packet(Number(packetBytes)),
    sweepIndexFinding(Number(sweepIndexes) > 0),
    room(Number(tableBytes)),
    connectionsFinding(
      Number(connections),
      Number(connectionsMax),
      'raise max_connections, or lower connectionsMax in the URL',
    ),
    clockFinding(Number(nowMs) - Date.now(), tookMs),
  ]
}

function durability(flush: number, binlogIsLate: boolean, doublewrite: string): Finding[] {
  const found: Finding[] = []
  if (flush !== 1)
    found.push({
      level: 'warning',
      name: 'flush-log',
      line: `innodb_flush_log_at_trx_commit is ${flush}: a crash of its machine loses the last second of acknowledged changes`,
      remedy: 'SET GLOBAL innodb_flush_log_at_trx_commit = 1, and the same in its configuration',
    })
  if (binlogIsLate)
    found.push({
      level: 'warning',
      name: 'sync-binlog',
      line: 'sync_binlog is not 1: after a crash of its machine its replicas may lack changes that it has, or have more',
      remedy: 'SET GLOBAL sync_binlog = 1, and the same in its configuration',
    })
  if (/^(0|off)$/i.test(doublewrite))
    found.push({
      level: 'warning',
      name: 'doublewrite',
      line: 'innodb_doublewrite is off: a crash of its machine may damage the table',
      remedy: 'set innodb_doublewrite = ON in its configuration',
    })
  if (found.length > 0) return found
  const line = 'an acknowledged change is on its disk (innodb_flush_log_at_trx_commit 1)'
  return [{ level: 'fine', name: 'durability', line }]
}

function room(bytes: number): Finding {
  const line = `its table has ${megabytes(bytes)} of its own`
  if (bytes >= EXTENT_BYTES) return { level: 'fine', name: 'room', line }
  const remedy = 'DELETE FROM ninelives_schema WHERE version = 2, and start a node, which gives it room'
  return {
    level: 'warning',
    name: 'room',
    line: `${line}: when its disk is full, MariaDB loses sessions that grow`,
    remedy,
  }
}

function packet(bytes: number): Finding {
  const line = `max_allowed_packet is ${megabytes(bytes)}`
  if (bytes >= PACKET_BYTES_MIN) return { level: 'fine', name: 'packet', line }
  const remedy = 'raise max_allowed_packet to 1M or more'
  return { level: 'warning', name: 'packet', line: `${line}: larger sessions are refused`, remedy }
}
