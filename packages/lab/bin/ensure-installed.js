/**
 * Makes `npm start` work in a fresh clone, which has no node_modules. It runs before anything is installed, on the Node of the
 * machine, so it is plain JavaScript for Node 20 without dependencies.
 *
 * npm writes `.package-lock.json` last, so if that file is there, an install was completed. Concurrent installs take turns by a
 * lock file that holds a pid, npm's while npm runs; a lock whose process is gone is removed.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

const installed = path.join(root, 'node_modules/.package-lock.json')
const lock = path.join(root, '.ninelives/installing')

const LOCK_WAIT_MS = 300_000
const LOCK_POLL_MS = 100
/** How long a lock may be without a pid: its owner creates the file first and writes the pid right after. */
const LOCK_EMPTY_MS = 5_000
/** How long npm has to end after a signal before it is killed. */
const NPM_END_MS = 5_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const EXIT_INTERRUPTED = 130

/** Installs what the lock file names, unless it is installed. On failure it ends the process with one line. */
export async function ensureInstalled() {
  if (existsSync(installed)) return
  takeLock()
  try {
    if (!existsSync(installed)) await install()
  } finally {
    rmSync(lock, { force: true })
  }
}

async function install() {
  process.stderr.write(
    'ninelives: installing what it needs (npm ci); this happens only the first time, and takes a minute or more\n',
  )
  const npm = npmCommand()
  // Node 24 is a development dependency, so development dependencies are installed whatever NODE_ENV says. Warnings are
  // silenced: they complain about the machine's older Node, and this install brings a newer one.
  const args = [...npm.args, 'ci', '--include=dev', '--loglevel=error']
  const { status, error, interrupted } = await run(npm.command, args)
  if (status === 0) return
  rmSync(lock, { force: true })
  if (interrupted) fail('the install was interrupted; the next start installs anew', EXIT_INTERRUPTED)
  fail(error ? `npm could not be run: ${error.message}` : `npm ci failed (exit ${status}); its own lines above say why`)
}

/**
 * Runs npm in a process group of its own, so that a signal ends npm and all that it started before this process ends. Two installs
 * in one folder break each other.
 */
function run(command, args) {
  return new Promise((resolve) => {
    let child
    let interrupted = false
    const end = () => {
      if (!interrupted) setTimeout(() => signalGroup(child.pid, 'SIGKILL'), NPM_END_MS).unref()
      interrupted = true
      signalGroup(child.pid, 'SIGTERM')
    }
    // Before npm begins: a signal that comes without a listener would end this process alone.
    for (const signal of SIGNALS) process.on(signal, end)
    child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
    if (child.pid !== undefined) writeFileSync(lock, String(child.pid))
    const settle = (result) => {
      for (const signal of SIGNALS) process.off(signal, end)
      if (interrupted) signalGroup(child.pid, 'SIGKILL')
      resolve({ ...result, interrupted })
    }
    child.once('error', (error) => settle({ error }))
    child.once('exit', (status) => settle({ status }))
  })
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // ESRCH: every process of the group has ended.
    if (error.code !== 'ESRCH') throw error
  }
}

/** The npm that runs this script, which need not be the first on the PATH. */
function npmCommand() {
  const cli = process.env.npm_execpath
  return cli?.endsWith('.js') ? { command: process.execPath, args: [cli] } : { command: 'npm', args: [] }
}

function takeLock() {
  makeLockDirectory()
  const giveUpAtMs = Date.now() + LOCK_WAIT_MS
  for (let waited = false; !tryLock(); waited = true) {
    if (!waited) process.stderr.write('ninelives: another install is under way; waiting for it\n')
    if (Date.now() > giveUpAtMs) fail(`gave up after ${LOCK_WAIT_MS / 1_000} s; if no npm is at work, remove ${lock}`)
    sleep(LOCK_POLL_MS)
  }
}

function makeLockDirectory() {
  try {
    mkdirSync(path.dirname(lock), { recursive: true })
  } catch (error) {
    fail(
      `${root} can't be written (${error.code}), and the first start installs there; copy it to a folder of your own`,
    )
  }
}

function tryLock() {
  if (lockOwnerIsGone()) rmSync(lock, { force: true })
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
  // If two processes found the same dead owner, the second may have removed the first one's new lock.
  sleep(LOCK_POLL_MS)
  return lockOwner() === process.pid
}

function lockOwnerIsGone() {
  const owner = lockOwner()
  if (owner === undefined) return false
  if (owner === 0) return Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > LOCK_EMPTY_MS
  try {
    process.kill(owner, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Undefined without a lock file, 0 while it is empty. */
function lockOwner() {
  try {
    return Number(readFileSync(lock, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function fail(reason, exitCode = 1) {
  process.stderr.write(`ninelives: ${reason}\n`)
  process.exit(exitCode)
}
