/** A strategy is configuration: a store opens from a URL, or from the path of a module that makes one. */
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import { carrierOf } from '../carrier.ts'
import type { SessionStore } from '../contract.ts'
import { StoreConfigError } from '../errors.ts'
import { withPackages } from '../optional-packages.ts'
import { checkedOptions, type Rules, shown, take } from '../options.ts'
import type { OnStoreEvent } from '../telemetry.ts'
import { setting, settings } from '../url-settings.ts'
import type { MovingStep } from './moving/moving.ts'

/**
 * What a store's module exports as its default: given the URL it was asked for by, it makes a store that is not open yet.
 * Throws StoreConfigError for a URL that it can't use.
 */
export type StoreFactory = (url: URL) => SessionStore | Promise<SessionStore>

/** What the process gives to a store, so that the URL can be the same text for every node. */
export interface OpenStoreOptions {
  /** This node's name, where the URL of a mesh has none. */
  readonly nodeName?: string | undefined
  /** The secret that all nodes share, where the URL of a mesh has none. */
  readonly meshSecret?: string | undefined
  /** What happens to the store, for an operator: see telemetry.ts. */
  readonly onEvent?: OnStoreEvent | undefined
}

/** Makes a store from the text of its URL: one with several hosts is none that `URL` could parse. */
type Opener = (location: string, options: OpenStoreOptions) => Promise<SessionStore>

const openers: Readonly<Record<string, Opener>> = {
  'memory:': async (location) => {
    const { memoryStore } = await import('./memory.ts')
    return memoryStore(settings(hostless(location), { recordsMax: setting.wholeNumber(1) }))
  },
  'redis:': redis,
  'rediss:': redis,
  'redis+sentinel:': redis,
  'rediss+sentinel:': redis,
  'redis+cluster:': redis,
  'rediss+cluster:': redis,
  'sqlite:': database,
  'postgres:': database,
  'postgresql:': database,
  'mysql:': database,
  'mariadb:': database,
  'memcached:': memcached,
  'memcacheds:': memcached,
  'replicated:': mesh,
  'clustered:': mesh,
  'token:': token,
  'moving:': moving,
  'hybrid:': hybrid,
}

/** What `openStore` accepts, for a message or a help text. */
export const storeSchemes: readonly string[] = Object.keys(openers)

const rules: Rules<OpenStoreOptions> = {
  nodeName: take.text,
  meshSecret: take.text,
  onEvent: take.function,
}

/** Makes the store that a URL or a module path names. It still has to be opened: `await store.open()`. */
export async function openStore(location: string, given: OpenStoreOptions = {}): Promise<SessionStore> {
  if (typeof location !== 'string') {
    const isUnset = (location as unknown) === undefined
    const hint = isUnset ? ' Is the environment variable set that it is read from?' : ''
    throw new StoreConfigError(`openStore() takes a store's URL as a text, not ${shown(location)}.${hint}`)
  }
  const options = checkedOptions('openStore()', given, rules)
  const { location: mirrored, mirror } = splitMirror(location)
  if (mirror !== undefined) return await mirroring(mirrored, mirror, options)
  if (isModulePath(location)) return warningOnceOpen(await fromModule(location), options.onEvent)
  const opener = openers[schemeOf(location)] as Opener
  return warningOnceOpen(await opener(location, options), options.onEvent)
}

/** Empty for the path of a module. Throws StoreConfigError for what names no store. */
export function schemeOf(location: string): string {
  if (isModulePath(location)) return ''
  const [scheme = ''] = /^[a-z][a-z\d+.-]*:/i.exec(location) ?? []
  if (Object.hasOwn(openers, scheme.toLowerCase())) return scheme.toLowerCase()
  throw new StoreConfigError(
    `no store for '${withoutSecrets(location)}': a store is a URL (${storeSchemes.join(', ')}) or the path of a module (./my-store.ts)`,
  )
}

function isModulePath(location: string): boolean {
  return /^\.{0,2}\//.test(location)
}

/** Tells what the store's server is set up badly for, once, in the background of the first `open()` that resolves. */
function warningOnceOpen(store: SessionStore, onEvent: OnStoreEvent | undefined): SessionStore {
  if (onEvent === undefined || store.check === undefined) return store
  const check = store.check.bind(store)
  const open = store.open.bind(store)
  let isTold = false

  const tell = async (): Promise<void> => {
    for (const { level, name, line, remedy } of await check()) {
      if (level === 'fine') continue
      const losesSessions = level === 'loss'
      onEvent({
        event: 'store-risk',
        store: store.name,
        about: name,
        losesSessions,
        line: `${store.name}: ${line}`,
        remedy,
      })
    }
  }

  return Object.assign(store, {
    async open() {
      await open()
      if (isTold) return
      isTold = true
      tell().catch(() => {
        // The server went away again, or forbids the question. `ninelives doctor` says so.
      })
    },
  })
}

async function fromModule(location: string): Promise<SessionStore> {
  const [path = '', query = ''] = location.split('?', 2)
  const url = pathToFileURL(resolve(path))
  const loaded = (await import(url.href).catch((cause: unknown) => {
    throw new StoreConfigError(`the store module '${path}' can't be loaded: ${(cause as Error).message}`, cause)
  })) as { default?: unknown }
  if (typeof loaded.default !== 'function') {
    throw new StoreConfigError(`the store module '${path}' has no default export that makes a store`)
  }
  url.search = query
  return await (loaded.default as StoreFactory)(url)
}

async function redis(url: string, { onEvent }: OpenStoreOptions): Promise<SessionStore> {
  const { redisStore } = await withPackages('redis:', 'ioredis', () => import('./redis/redis.ts'))
  return redisStore({ url, onEvent })
}

async function database(url: string, { onEvent }: OpenStoreOptions): Promise<SessionStore> {
  const { databaseStoreFromUrl } = await import('./database-url.ts')
  return databaseStoreFromUrl(url, onEvent)
}

async function memcached(url: string, { onEvent }: OpenStoreOptions): Promise<SessionStore> {
  const { memcachedStore } = await import('./memcached/memcached.ts')
  return memcachedStore({ url, onEvent })
}

async function mesh(url: string, { nodeName, meshSecret, onEvent }: OpenStoreOptions): Promise<SessionStore> {
  const { meshStore } = await import('../replication/mesh.ts')
  return meshStore({ url, name: nodeName, secret: meshSecret, onEvent })
}

async function token(location: string, options: OpenStoreOptions): Promise<SessionStore> {
  const { tokenStoreFromUrl } = await import('./token-url.ts')
  return await tokenStoreFromUrl(hostless(location), options.onEvent, (url) => openStore(url, options))
}

async function moving(location: string, options: OpenStoreOptions): Promise<SessionStore> {
  const { movingStore } = await import('./moving/moving.ts')
  const { from, to, step } = settings(hostless(location), {
    from: setting.secret,
    to: setting.secret,
    step: setting.oneOf<MovingStep>('ready', 'move', 'finish'),
  })
  if (from === undefined || to === undefined || step === undefined) {
    throw new StoreConfigError(
      "moving: takes from= and to=, each a store's URL with %26 for its '&', and step=ready, move, finish",
    )
  }
  const stores = { from: await openStore(from, options), to: await openStore(to, options) }
  for (const [end, { name, capabilities }] of Object.entries(stores)) {
    if (carrierOf(stores[end as keyof typeof stores]) !== undefined)
      throw new StoreConfigError(`moving: takes stores that keep their sessions, and ${end}= is ${name}`)
    // A mark in one node's memory is not there for the others, which would go on with what they have.
    if (capabilities.shared !== 'held')
      throw new StoreConfigError(
        `moving: takes stores that nodes share, and ${end}= is ${name}: ${capabilities.shared.excused}`,
      )
  }
  return movingStore({ ...stores, step })
}

async function hybrid(location: string, options: OpenStoreOptions): Promise<SessionStore> {
  const { hybridStore } = await import('./hybrid/hybrid.ts')
  const { over, ...rest } = settings(hostless(location), {
    over: setting.secret,
    cacheBytes: setting.wholeNumber(1),
    write: setting.oneOf('through', 'behind'),
    windowMs: setting.durationMs(),
    pendingMax: setting.wholeNumber(1),
  })
  if (over === undefined)
    throw new StoreConfigError("hybrid: takes over=, the URL of the store under it, with %26 for its '&'")
  if (rest.write !== 'behind' && (rest.windowMs ?? rest.pendingMax) !== undefined)
    throw new StoreConfigError('hybrid: takes windowMs and pendingMax only with write=behind')
  return await hybridStore({ ...rest, over: await openStore(over, options), onEvent: options.onEvent })
}

/** `mirror=` is a setting of every store: what is left of the URL is the store's own. */
export function splitMirror(location: string): { readonly location: string; readonly mirror: string | undefined } {
  const at = location.indexOf('?')
  if (at === -1) return { location, mirror: undefined }
  const own = location.slice(0, at)
  const parts = location.slice(at + 1).split('&')
  const mirrors = parts.filter((part) => part.startsWith('mirror='))
  const [first] = mirrors
  if (first === undefined) return { location, mirror: undefined }
  const { mirror } = settings(`?${mirrors.join('&')}`, { mirror: setting.secret })
  const others = parts.filter((part) => !mirrors.includes(part))
  return { location: others.length === 0 ? own : `${own}?${others.join('&')}`, mirror }
}

async function mirroring(location: string, mirrorUrl: string, options: OpenStoreOptions): Promise<SessionStore> {
  const { mirrorStore } = await import('./mirror/mirror.ts')
  if (location === mirrorUrl) throw new StoreConfigError('mirror= is the store itself')
  const [store, mirror] = [await openStore(location, options), await openStore(mirrorUrl, options)]
  for (const [what, { name, capabilities }, isCarried] of [
    ['a store with mirror=', store, carrierOf(store) !== undefined],
    ['mirror=', mirror, carrierOf(mirror) !== undefined],
  ] as const) {
    if (isCarried) throw new StoreConfigError(`${what} keeps its sessions, and ${name} does not: its clients have them`)
    if (capabilities.shared !== 'held')
      throw new StoreConfigError(`${what} is one that nodes share, and not ${name}: ${capabilities.shared.excused}`)
  }
  return mirrorStore({ store, mirror, onEvent: options.onEvent })
}

/** Refuses a URL of the form `scheme:?settings` that also has a host or a path. */
function hostless(location: string): string {
  if (!/^[a-z]+:(\/\/)?(\?|$)/i.test(location))
    throw new StoreConfigError(
      `the store's URL '${withoutSecrets(location)}' names a host or a path, and takes neither`,
    )
  return location
}

function withoutSecrets(location: string): string {
  return location.replace(/\/\/.*@/, '//***@').replace(/\?.*/, '?***')
}
