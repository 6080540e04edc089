/**
 * Packages that not every application needs: they are optional peer dependencies, loaded when what needs them is first used. Where
 * one is missing, the error has the command that installs it.
 */
import { createRequire } from 'node:module'
import { StoreConfigError } from './errors.ts'
import { SessionOptionsError } from './options.ts'

const MISSING = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])

const require = createRequire(import.meta.url)

/** Loads a module of a store, or its driver. `names` are what it takes to install, as `npm install` takes them. */
export async function withPackages<T>(store: string, names: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new StoreConfigError(`${store} needs ${packages(names)}: npm install ${names}`, error)
  }
}

/** A package for a function that can't wait. */
export function requiredPackage(caller: string, name: string): unknown {
  try {
    return require(name)
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new SessionOptionsError(`${caller} needs the package ${name}: npm install ${name}`)
  }
}

function packages(names: string): string {
  const [first, ...others] = names.split(' ')
  return others.length === 0 ? `the package ${first}` : `the packages ${[first, ...others].join(' and ')}`
}

function isMissing(error: unknown): boolean {
  return MISSING.has((error as NodeJS.ErrnoException).code ?? '')
}
