/**
 * The engine that a run simulates: the real one, or a variant of it with some lines of its source replaced, which are then
 * modules of their own. A variant runs without the engine's assertions, so that the checkers alone have to notice it.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { peer } from '../replication/replica/peer.ts'
import { type Patch, variants } from './variants.ts'

/** Makes the peers of a run. */
export type Engine = typeof peer

const ROOT = new URL('../replication/', import.meta.url).href
const ENTRY = new URL('replica/peer.ts', ROOT).href
const NO_ASSERTIONS = 'data:text/javascript,export default () => undefined'

const loaded = new Map<string | undefined, Promise<Engine>>([[undefined, Promise.resolve(peer)]])
let hooks: unknown

/** Throws RangeError where there is no variant of that name. */
export function engine(variant?: string): Promise<Engine> {
  const found = loaded.get(variant)
  if (found !== undefined) return found
  const { patches } = variants.get(variant ?? '') ?? {}
  if (patches === undefined) throw new RangeError(`there is no variant "${variant}"`)
  for (const patch of patches) patched(readFileSync(new URL(patch.file, ROOT), 'utf8'), [patch])
  hooks ??= registerHooks({ resolve, load })
  const loading = import(`${ENTRY}?variant=${variant}`).then((module: { readonly peer: Engine }) => module.peer)
  loaded.set(variant, loading)
  return loading
}

function variantOf(url: string | undefined): string | undefined {
  return url?.startsWith(ROOT) === true ? (new URL(url).searchParams.get('variant') ?? undefined) : undefined
}

/** What a module of a variant imports from the engine is of the variant too. */
const resolve: Parameters<typeof registerHooks>[0]['resolve'] = (specifier, context, nextResolve) => {
  const variant = variantOf(context.parentURL)
  if (variant === undefined) return nextResolve(specifier, context)
  if (specifier === 'node:assert') return { url: NO_ASSERTIONS, shortCircuit: true }
  const resolved = nextResolve(specifier, context)
  return resolved.url.startsWith(ROOT) ? { ...resolved, url: `${resolved.url}?variant=${variant}` } : resolved
}

const load: Parameters<typeof registerHooks>[0]['load'] = (url, context, nextLoad) => {
  const variant = variantOf(url)
  const result = nextLoad(url, context)
  if (variant === undefined) return result
  const patches = variants.get(variant)?.patches.filter(({ file }) => url.startsWith(`${ROOT}${file}?`)) ?? []
  return { ...result, source: patched(readFileSync(fileURLToPath(url), 'utf8'), patches) }
}

/** Throws where a line to replace is not in the source exactly once: the engine has changed, and the variant must follow. */
function patched(source: string, patches: readonly Patch[]): string {
  return patches.reduce((text, { file, replace, by }) => {
    const [before, after, ...more] = text.split(replace)
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`'${replace}' is not exactly once in ${file}`)
    return before + by + after
  }, source)
}
