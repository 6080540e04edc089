/** How a bench of subjects ends: result.json, and a table. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from '../environment.ts'
import { progress, say } from './command.ts'

export function writeResult(out: string, result: object, table: string): void {
  const path = join(out, 'result.json')
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`)
  progress('done')
  say(`\n${table}\nWritten to ${path}`)
}

/** The last lines of a table: where it was measured, and why it is not to be quoted. */
export function tableFooter(
  {
    environment,
    options,
    seed,
  }: { readonly environment: Environment; readonly options: Readonly<Record<string, unknown>>; readonly seed: number },
  isRestless: boolean,
): string[] {
  const { processor, cores, node, redis, loadBefore, busy } = environment
  const versions = redis === undefined ? `Node ${node.slice(1)}` : `Node ${node.slice(1)}, Redis ${redis}`
  return [
    `${String(options['blocks'])} blocks of ${String(options['requests'])} requests, seed ${seed}; ${versions}, ${cores} × ${processor}`,
    'CPU: of all processes of the subject. ÷: ratio of CPU times within blocks, with its 95 % interval.',
    ...(busy ? [`NOT TO BE QUOTED: the machine was busy when this began (load ${loadBefore.toFixed(2)}).`] : []),
    ...(isRestless
      ? ['NOT TO BE QUOTED: ninelives differs from itself (A/A), so other differences may be noise too.']
      : []),
  ]
}
