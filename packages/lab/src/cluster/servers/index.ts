import type { ServerName } from '@ninelives/history'
import { mariadb } from './mariadb.ts'
import { memcached } from './memcached.ts'
import { postgres } from './postgres.ts'
import { redis } from './redis.ts'
import type { PrivateServer, ServerKind } from './server-kind.ts'

export const serverKinds: Readonly<Record<ServerName, ServerKind>> = { redis, postgres, mariadb, memcached }

/** Undefined if this machine does not have it. */
export function findServer(name: ServerName, searchPath: string): PrivateServer | undefined {
  const kind = serverKinds[name]
  const program = kind.find(searchPath)
  return program === undefined ? undefined : { kind, program }
}
