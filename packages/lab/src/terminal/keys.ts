/**
 * Keys for the terminal in which a cluster runs: a letter, then Enter. They are read by lines, so that the terminal stays as the
 * shell set it: Ctrl-C and Ctrl-Z work, and a killed lab leaves no raw terminal behind.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { LabError } from '../errors.ts'
import type { Lab } from '../lab.ts'
import { isForeground } from '../supervise/process-table.ts'

export interface KeyActions {
  /** A node's name, or `random`. */
  kill(target: string): Promise<unknown>
  pause(target: string): Promise<unknown>
  /** Ends every ongoing fault. */
  heal(): Promise<unknown>
  open(): void
  quit(): void
}

type Say = (line: string) => void

export const keysLine = 'k + Enter kills a node ("k b": node b), p pauses one, h heals, o opens the page, q quits'

/** Reads keys until the input ends. A process in the background reads nothing: the system would stop it. */
export function readKeys(input: NodeJS.ReadStream, actions: KeyActions, say: Say): () => void {
  const lines = createInterface({ input, terminal: false })
  // A terminal that hangs up ends in a read error; the hang-up itself arrives as SIGHUP.
  lines.on('error', () => undefined)
  lines.on('line', (line) => void press(line, actions, say))
  const inForeground = (): unknown => (isForeground(process.pid) ? lines.resume() : lines.pause())
  process.on('SIGCONT', inForeground)
  inForeground()
  return () => {
    process.off('SIGCONT', inForeground)
    lines.close()
    // A terminal that is still read would keep the process alive.
    input.unref()
  }
}

/** Carries out what one line asks for. */
export async function press(line: string, actions: KeyActions, say: Say): Promise<void> {
  const [key = '', target = 'random', ...more] = line.trim().split(/\s+/)
  if (key === '') return
  const known: Readonly<Record<string, () => unknown>> = {
    k: () => actions.kill(target),
    p: () => actions.pause(target),
    h: () => actions.heal(),
    o: () => actions.open(),
    q: () => actions.quit(),
  }
  const action = more.length === 0 && Object.hasOwn(known, key) ? known[key] : undefined
  if (action === undefined) return say(`Keys: ${keysLine}`)
  try {
    await action()
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    say(error.message)
  }
}

export function keyActions(lab: Lab, say: Say): KeyActions {
  return {
    kill: (target) => lab.faults.inject({ kind: 'kill', target }),
    pause: (target) => lab.faults.inject({ kind: 'pause', target }),
    async heal() {
      const ongoing = lab.trace.state.faults
      if (ongoing.length === 0) say('No fault is ongoing')
      await Promise.all(ongoing.map(({ id }) => lab.faults.heal(id)))
    },
    open: () => openInBrowser(lab.control.url, say),
    quit: () => process.kill(process.pid, 'SIGINT'),
  }
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

function openInBrowser(url: string, say: Say): void {
  const [program = '', ...args] = OPENERS[process.platform] ?? ['xdg-open']
  const opener = spawn(program, [...args, url], { detached: true, stdio: 'ignore' })
  const onFailure = (): void => say(`No browser could be opened; the page is at ${url}`)
  opener.once('error', onFailure)
  opener.once('exit', (code) => code !== 0 && code !== null && onFailure())
  opener.unref()
}
