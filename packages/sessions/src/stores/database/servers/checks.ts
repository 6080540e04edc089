/** What the database servers are asked alike. */
import { type Finding, isLoopback, networkFindings } from '../../../findings.ts'
import type { ServerLocation } from './url.ts'

export function serverNetworkFindings({ kind, hosts, tls, password }: ServerLocation): Finding[] {
  const names = hosts.map(({ host }) => host)
  const network = networkFindings({
    hosts: names,
    tls: tls !== undefined,
    hasLogin: password !== undefined || tls?.cert !== undefined,
    remedyTls: 'add ?sslmode=verify-full to the URL',
    remedyLogin:
      kind === 'postgres' ? 'ask for scram-sha-256 in pg_hba.conf' : 'give the user a password, and name it in the URL',
  })
  if (tls?.rejectUnauthorized !== false || names.every(isLoopback)) return network
  const line = 'the certificate of the server is not checked: another machine can pass for it, and read all sessions'
  return [
    ...network,
    { level: 'warning', name: 'certificate', line, remedy: 'say sslmode=verify-full in the URL, with ca=' },
  ]
}

export function sweepIndexFinding(isThere: boolean): Finding {
  if (isThere) return { level: 'fine', name: 'index', line: 'the index by which sessions expire is there' }
  const line = 'the index ninelives_sessions_sweep is missing: deleting what has expired reads the whole table'
  const remedy = 'CREATE INDEX ninelives_sessions_sweep ON ninelives_sessions (sweep_slot)'
  return { level: 'warning', name: 'index', line, remedy }
}
