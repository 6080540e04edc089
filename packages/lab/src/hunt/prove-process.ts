/** Runs `prove` as a process of its own, so that a hunt or a series survives whatever happens to it. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Verdict } from '@ninelives/history'
import { makeDirectory } from '../make-directory.ts'
import { settles } from '../wait.ts'
import { argumentsOf, type Round } from './round.ts'

/** `failed`: it gave no verdict. */
export interface Outcome {
  readonly verdict: Verdict['verdict'] | 'failed'
  /** Kinds of anomalies. */
  readonly anomalies: readonly string[]
  /** Why it is unknown or failed, in one line. */
  readonly why?: string
  readonly landed: number
  readonly operations: number
}

export const VERDICT_FILE = 'verdict.json'
const cli = fileURLToPath(new URL('../cli.ts', import.meta.url))
/** With its recovery. */
const FAULT_MAX_MS = 45_000
const REST_MAX_MS = 180_000
const END_WAIT_MS = 20_000
const LAST_WORDS_MAX = 2_000

/** Undefined when `signal` ended it. The run's files are in `directory`. */
export function runProve(
  round: Round,
  directory: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  return proveProcess(argumentsOf(round), round.kills, directory, environment, signal)
}

/** `args` are of `ninelives`; without --logs. It has `faultsMax` faults at most. */
export async function proveProcess(
  args: readonly string[],
  faultsMax: number,
  directory: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  makeDirectory(directory)
  // The verdict of the run before is none of this one.
  rmSync(path.join(directory, VERDICT_FILE), { force: true })
  // A process group of its own: Ctrl-C in the terminal reaches the hunt alone, which passes it on once.
  const child = spawn(process.execPath, [cli, ...args, '--logs', directory], {
    detached: true,
    // The child stops when this process is gone.
    env: { ...environment, NINELIVES_LAUNCHER: 'hunt' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-LAST_WORDS_MAX)))
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', resolve)
    child.once('error', (error) => {
      said = error.message
      resolve(null)
    })
  })
  const late = AbortSignal.timeout(REST_MAX_MS + faultsMax * FAULT_MAX_MS)
  const stop = AbortSignal.any([signal, late])
  const end = (): void => void endChild(exited, (name) => child.kill(name))
  if (stop.aborted) end()
  else stop.addEventListener('abort', end, { once: true })
  const code = await exited
  stop.removeEventListener('abort', end)
  if (signal.aborted) return undefined
  const words = said.trim().split('\n').at(-1) ?? ''
  const because = late.aborted ? 'it took too long' : words === '' ? `it exited with ${code}` : words
  return outcomeIn(directory) ?? { verdict: 'failed', anomalies: [], why: because, landed: 0, operations: 0 }
}

async function endChild(exited: Promise<unknown>, signal: (name: NodeJS.Signals) => unknown): Promise<void> {
  signal('SIGINT')
  // The warden of a lab that is killed ends its processes.
  if (!(await settles(exited, END_WAIT_MS))) signal('SIGKILL')
}

/** Undefined where there is no verdict. */
function outcomeIn(directory: string): Outcome | undefined {
  const file = path.join(directory, VERDICT_FILE)
  if (!existsSync(file)) return undefined
  const read = verdictIn(readFileSync(file, 'utf8'))
  if (read === undefined) return undefined
  const { verdict, anomalies, doubts, faults, operations } = read
  return {
    verdict,
    anomalies: anomalies.map(({ kind }) => kind),
    ...(verdict === 'unknown' && doubts[0] !== undefined ? { why: doubts[0] } : {}),
    landed: faults.landed,
    operations: operations.ok + operations.failed + operations.unknown,
  }
}

/** Undefined for one that was cut off. */
function verdictIn(text: string): Verdict | undefined {
  try {
    return JSON.parse(text) as Verdict
  } catch {
    return undefined
  }
}
