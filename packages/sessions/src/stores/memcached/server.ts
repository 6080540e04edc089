/**
 * The commands of one Memcached server, over the driver `memcache-client`, with one client a server: given several servers, the
 * driver picks one at random for each command.
 *
 * An answer of the server and an outage are told apart here. The driver's error for an answer, such as NOT_STORED, has
 * `cmdTokens`; any other error is an outage. A miss is no error. A command that may have been sent is never sent again.
 */
import { readFileSync } from 'node:fs'
import type { MemcacheClient } from 'memcache-client'
import type * as Driver from 'memcache-client'
import { StoreConfigError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../errors.ts'
import { withPackages } from '../../optional-packages.ts'
import type { MemcachedLocation } from './url.ts'

export interface MemcachedServer {
  /** For messages. */
  readonly address: string
  get(key: string): Promise<string | undefined>
  /** With the token that a `cas` takes. */
  gets(key: string): Promise<{ readonly value: string; readonly token: string } | undefined>
  /** False if the key is there. */
  add(key: string, value: string, lifetimeS: number): Promise<boolean>
  /** False if the value is another one by now, or gone. */
  cas(key: string, value: string, lifetimeS: number, token: string): Promise<boolean>
  set(key: string, value: string, lifetimeS: number): Promise<void>
  stats(kind?: 'settings'): Promise<ReadonlyMap<string, string>>
  /** Resolves if the server answers. */
  ping(): Promise<void>
  /** Commands reject from now on. */
  close(): void
}

/** What a server says to a change that the state of its key does not allow. */
const NOT_DONE: ReadonlySet<string> = new Set(['NOT_STORED', 'EXISTS', 'NOT_FOUND'])

export function memcachedServer(name: string, location: MemcachedLocation, timeoutMs: number): MemcachedServer {
  const address = `memcached at ${name}`
  const tls = location.tls ? certificates(location.settings) : undefined
  let connecting: Promise<MemcacheClient> | undefined
  let closed = false

  const client = async (): Promise<MemcacheClient> => {
    const { MemcacheClient } = await driver()
    // A timeout ends the connection, since the answer that is late would be taken for that of the next command.
    return new MemcacheClient({
      server: name,
      cmdTimeout: timeoutMs,
      connectTimeout: timeoutMs,
      noDelay: true,
      ...(tls && { tls }),
    })
  }

  const asked = async <T>(ask: (client: MemcacheClient) => Promise<T>): Promise<T> => {
    // The driver would connect again after its shutdown.
    if (closed) throw new StoreUnavailableError(address, new Error('the store was closed'))
    connecting ??= client()
    try {
      return await ask(await connecting)
    } catch (error) {
      throw error instanceof StoreConfigError ? error : refusalOf(address, error)
    }
  }

  const changed = async (ask: (client: MemcacheClient) => Promise<unknown>): Promise<boolean> =>
    await asked(async (client) => {
      try {
        await ask(client)
        return true
      } catch (error) {
        if (error instanceof Error && NOT_DONE.has(error.message)) return false
        throw error
      }
    })

  return {
    address,

    async get(key) {
      const found: { value: string } | undefined = await asked((client) => client.get<string>(key))
      return found?.value
    },

    async gets(key) {
      const found: { value: string; casUniq: unknown } | undefined = await asked((client) => client.gets<string>(key))
      return found && { value: found.value, token: String(found.casUniq) }
    },

    add: (key, value, lifetime) => changed((client) => client.add(key, value, { lifetime })),
    cas: (key, value, lifetime, casUniq) => changed((client) => client.cas(key, value, { lifetime, casUniq })),
    async set(key, value, lifetime) {
      await changed((client) => client.set(key, value, { lifetime }))
    },

    async stats(kind) {
      const { STAT = [] } = await asked((client) =>
        client.cmd<{ STAT?: string[][] }>(kind === undefined ? 'stats' : `stats ${kind}`),
      )
      return new Map(STAT.map(([name = '', ...value]) => [name, value.join(' ')]))
    },

    async ping() {
      await asked((client) => client.version())
    },

    close() {
      closed = true
      connecting?.then(
        (client) => client.shutdown(),
        () => {
          // The driver is missing: there is nothing to shut down.
        },
      )
    },
  }
}

async function driver(): Promise<typeof Driver> {
  // A dependency of it needs tslib without saying so.
  const loaded = await withPackages('memcached:', 'memcache-client tslib', () => import('memcache-client'))
  // By itself the driver prints an answer that it does not know to the standard output, and waits for another.
  loaded.MemcacheConnection.prototype.cmdAction_undefined = function () {
    this._shutdown('its answer is none that Memcached gives')
    return true
  }
  return loaded
}

function refusalOf(address: string, error: unknown): StoreUnavailableError {
  const { message } = error as Error
  if (message.startsWith('SERVER_ERROR object too large'))
    return new StoreRefusedError(`${address}, whose items are smaller than this session: raise its -I`, error)
  if (message.startsWith('SERVER_ERROR out of memory')) return new StoreFullError(`${address}, out of memory`, error)
  return new StoreUnavailableError(address, error)
}

function certificates({ ca, cert, key, servername }: MemcachedLocation['settings']): Record<string, Buffer | string> {
  const files = Object.entries({ ca, cert, key }).flatMap(([name, path]) =>
    path === undefined ? [] : [{ name, path }],
  )
  const pems = files.map(({ name, path }) => [name, pem(name, path)] as const)
  return { ...Object.fromEntries(pems), ...(servername === undefined ? {} : { servername }) }
}

function pem(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new StoreConfigError(`${name} in the store's URL is '${path}', which can't be read`, cause)
  }
}
