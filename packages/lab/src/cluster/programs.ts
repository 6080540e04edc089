import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.ts'

/** The files of the programs that a cluster runs. */
export interface Programs {
  readonly node: string
  /** The node's program of another version, with which the nodes begin. */
  readonly otherNode?: string
  readonly balancer: string
  readonly users: string
}

const NODE_PROGRAM = '@ninelives/node/main'
/** What the node's program is made of. */
const BENEATH = '@ninelives/sessions'

export function ownPrograms(): Programs {
  return {
    node: fileURLToPath(import.meta.resolve(NODE_PROGRAM)),
    balancer: fileURLToPath(import.meta.resolve('@ninelives/balancer/main')),
    users: fileURLToPath(new URL('../users/main.ts', import.meta.url)),
  }
}

/**
 * The node's program of the version in that directory: a checkout, or where the packages are installed. Throws UsageError if there is
 * none, or if its packages lead out of the directory, as then it would run another version's code.
 */
export function nodeProgramIn(directory: string): string {
  const given = path.resolve(directory)
  const remedy = 'give a checkout of another version after npm ci in it, or a directory where it is installed'
  if (!existsSync(given)) throw new UsageError(`--other-version ${directory}: there is no such directory; ${remedy}`)
  const home = realpathSync(given)
  const program = found(NODE_PROGRAM, path.join(home, 'package.json'))
  const beneath = program && found(BENEATH, program)
  if (program === undefined || beneath === undefined)
    throw new UsageError(`--other-version ${directory}: it has no program of a node; ${remedy}`)
  const stray = [program, beneath].find((file) => !file.startsWith(`${home}${path.sep}`))
  if (stray === undefined) return program
  throw new UsageError(`--other-version ${directory}: its packages lead to ${stray}; ${remedy}`)
}

/** Links are followed. */
function found(name: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch {
    return undefined
  }
}
