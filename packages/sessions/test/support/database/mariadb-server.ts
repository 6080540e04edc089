/** A MariaDB of a test's own, on a free port, that can be killed, stopped and brought back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2'
import { freePort } from '../redis/server.ts'
import { until } from '../until.ts'
import { missing, programPath, serverUser } from './installed.ts'

export interface MariadbServer {
  readonly port: number
  /** As the superuser. */
  readonly url: string
  /** Asks the server itself, past the store, for the first value of the first row. */
  ask(sql: string): Promise<unknown>
  signal(signal: NodeJS.Signals): void
  /** By SIGKILL; the data stays, for `start`. */
  kill(): Promise<void>
  start(settings?: readonly string[]): Promise<void>
  /** Kills it, and deletes its data. */
  stop(): Promise<void>
}

const SYSTEM_DIRECTORIES = ['/usr/sbin', '/usr/bin']
const daemon = programPath('mariadbd', SYSTEM_DIRECTORIES)
const installer = programPath('mariadb-install-db', SYSTEM_DIRECTORIES)
export const mariadbMissing = missing(daemon && installer, 'mariadbd', 'mariadb-server')

const START_DEADLINE_MS = 60_000

export async function mariadbServer(settings: readonly string[] = [], disk = tmpdir()): Promise<MariadbServer> {
  const directory = mkdtempSync(join(disk, 'ninelives-mariadb-'))
  const data = join(directory, 'data')
  // A server that starts deletes the temporary tables of every other one in the same directory.
  const temporary = join(directory, 'tmp')
  for (const each of [data, temporary]) mkdirSync(each)
  for (const each of [directory, data, temporary])
    if (serverUser !== undefined) chownSync(each, serverUser.uid, serverUser.gid)
  const directories = [`--datadir=${data}`, `--tmpdir=${temporary}`]
  const install = ['--no-defaults', ...directories, '--auth-root-authentication-method=normal', '--skip-test-db']
  const { status, stdout, stderr } = spawnSync(installer ?? '', install, { encoding: 'utf8', cwd: data, ...serverUser })
  if (status !== 0) throw new Error(`mariadb-install-db: ${stdout}${stderr}`)
  const port = await freePort()
  let child: ChildProcess

  const ask = (sql: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const client = createConnection({
        host: '127.0.0.1',
        port,
        user: 'root',
        rowsAsArray: true,
        multipleStatements: true,
      })
      client.on('error', reject)
      client.query(sql, (error, rows) => {
        client.destroy()
        if (error === null) resolve((rows as unknown[][])[0]?.[0])
        else reject(error)
      })
    })

  const start = async (more: readonly string[] = []): Promise<void> => {
    const own = [...directories, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${data}/socket`]
    const small = ['--innodb-buffer-pool-size=16M', '--max-connections=300', `--pid-file=${data}/pid`]
    child = spawn(daemon ?? '', ['--no-defaults', ...own, ...small, ...settings, ...more], {
      stdio: 'ignore',
      cwd: data,
      ...serverUser,
    })
    await until(
      `mariadbd to answer on port ${port}`,
      async () => (await ask('SELECT @@datadir')) === `${data}/`,
      START_DEADLINE_MS,
      () => child.exitCode !== null,
    )
  }

  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  const stop = async (): Promise<void> => {
    await kill()
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 })
  }

  try {
    await start()
    await ask('CREATE DATABASE shop')
  } catch (error) {
    await stop()
    throw error
  }

  return {
    port,
    url: `mysql://root@127.0.0.1:${port}/shop`,
    ask,
    signal: (name) => void child.kill(name),
    kill,
    start,
    stop,
  }
}
