/** A PostgreSQL of a test's own, on a free port, that can be killed, stopped, copied to a standby and brought back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from '../redis/server.ts'
import { until } from '../until.ts'
import { missing, programPath, serverUser, signalTree } from './installed.ts'

export interface PostgresServer {
  readonly port: number
  /** Its directory, with its configuration. */
  readonly data: string
  /** As the superuser. */
  readonly url: string
  /** Asks the server itself, past the store, for the first value of the first row. */
  ask(sql: string): Promise<unknown>
  /** To all of its processes. */
  signal(signal: NodeJS.Signals): void
  /** By SIGKILL; the data stays, for `start`. */
  kill(): Promise<void>
  start(settings?: readonly string[]): Promise<void>
  /** Another server with a copy of the data, which follows this one. */
  standby(): Promise<PostgresServer>
  /** Kills it, and deletes its data. */
  stop(): Promise<void>
}

/** Debian keeps these programs off the PATH. */
const located = (program: string): string | undefined => programPath(program, ['/usr/lib/postgresql/*/bin'])
export const postgresMissing = missing(located('postgres') && located('initdb'), 'postgres', 'postgresql')

const START_DEADLINE_MS = 60_000

/** On another disk, its data is there, and its WAL is not: without room for the WAL a PostgreSQL ends. */
export async function postgresServer(settings: readonly string[] = [], disk?: string): Promise<PostgresServer> {
  const data = dataDirectory(disk)
  const wal = disk === undefined ? [] : ['-X', dataDirectory()]
  run('initdb', '-D', data, ...wal, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync')
  appendFileSync(join(data, 'pg_hba.conf'), 'host replication all 127.0.0.1/32 trust\n')
  return await started(data, settings)
}

async function started(data: string, settings: readonly string[]): Promise<PostgresServer> {
  const port = await freePort()
  let child: ChildProcess | undefined

  const ask = async (sql: string): Promise<unknown> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
    client.on('error', () => {
      // A server that is killed ends the connection; the query has been answered, or rejects by itself.
    })
    try {
      await client.connect()
      const result = await client.query({ text: sql, rowMode: 'array' })
      return result.rows?.[0]?.[0]
    } finally {
      await client.end()
    }
  }

  const start = async (more: readonly string[] = []): Promise<void> => {
    const common = [`listen_addresses=127.0.0.1`, `port=${port}`, 'unix_socket_directories=', 'max_connections=300']
    const options = [...common, ...settings, ...more].flatMap((each) => ['-c', each])
    child = spawn(located('postgres') ?? '', ['-D', data, ...options], { stdio: 'ignore', cwd: data, ...serverUser })
    const { pid } = child
    await until(
      `postgres to answer on port ${port}`,
      async () => pid === Number(await ask("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")),
      START_DEADLINE_MS,
      () => child?.exitCode !== null,
    )
  }

  const signal = (name: NodeJS.Signals): void => {
    if (child?.pid !== undefined) signalTree(child.pid, name)
  }

  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    signal('SIGKILL')
    await exited
  }

  const stop = async (): Promise<void> => {
    await kill()
    rmSync(realpathSync(join(data, 'pg_wal')), { recursive: true, force: true, maxRetries: 10 })
    rmSync(data, { recursive: true, force: true, maxRetries: 10 })
  }

  await start().catch(async (error: unknown) => {
    await stop()
    throw error
  })

  return {
    port,
    data,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    ask,
    signal,
    kill,
    start,
    async standby() {
      const copy = dataDirectory()
      run(
        'pg_basebackup',
        '-D',
        copy,
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-U',
        'postgres',
        '-R',
        '--no-sync',
        '-c',
        'fast',
      )
      return await started(copy, settings)
    },
    stop,
  }
}

function dataDirectory(disk = tmpdir()): string {
  const data = mkdtempSync(join(disk, 'ninelives-postgres-'))
  chmodSync(data, 0o700)
  if (serverUser !== undefined) chownSync(data, serverUser.uid, serverUser.gid)
  return data
}

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(located(program) ?? program, args, {
    encoding: 'utf8',
    cwd: tmpdir(),
    ...serverUser,
  })
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
}
