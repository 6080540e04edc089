/**
 * Three nodes behind HAProxy, and a Redis that keeps nothing on disk: `node start.js [PORT]`. HAProxy gets the port (8080; 0: all
 * are picked), the nodes the three after it, Redis the one after those. A node that dies is started again. Ctrl-C ends all.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const RESTART_AFTER_MS = 500
const START_DEADLINE_MS = 10_000
const FIRST_PORT = 20_000
const PORTS = 9_000
const PORT_ATTEMPTS_MAX = 20
const here = import.meta.dirname
const names = ['a', 'b', 'c']
const children = new Set()
let isEnding = false

const directory = mkdtempSync(path.join(tmpdir(), 'express-connect-redis-'))
const ports = await choosePorts(process.argv[2] ?? '8080').catch(({ message }) => end(1, message))
const [port, portA, portB, portC, redisPort] = ports
const nodePorts = { a: portA, b: portB, c: portC }
const secret = randomBytes(32).toString('hex')

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0))

const redisFlags = { port: redisPort, bind: '127.0.0.1', save: '', appendonly: 'no', dir: directory }
start(
  'redis-server',
  Object.entries(redisFlags).flatMap(([name, value]) => [`--${name}`, String(value)]),
)
await listening(redisPort, 'redis-server')
for (const name of names) startNode(name)
await Promise.all(names.map((name) => listening(nodePorts[name], `node ${name}`)))
start('haproxy', ['-db', '-f', path.join(here, 'haproxy.cfg')], {
  PORT: port,
  PORT_A: portA,
  PORT_B: portB,
  PORT_C: portC,
})
await listening(port, 'haproxy')

process.stdout.write(`Shop on http://127.0.0.1:${port}, three nodes behind HAProxy. Ctrl-C ends all. To break it:

npx ninelives prove --target http://127.0.0.1:${port} \\
  --nodes-url ${names.map((name) => `${name}=http://127.0.0.1:${nodePorts[name]}`).join(',')} \\
  --kill-command 'kill -9 $(cat ${directory}/$NINELIVES_TARGET.pid)'
`)

function startNode(name) {
  const node = start(process.execPath, [path.join(here, 'server.js')], {
    NODE_NAME: name,
    PORT: nodePorts[name],
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    SESSION_SECRET: secret,
  })
  writeFileSync(path.join(directory, `${name}.pid`), String(node.pid))
}

/** Out of reach of the terminal's Ctrl-C, which is for this script; with a channel, whose end is the end of a node. */
function start(program, args, environment = {}) {
  const isNode = program === process.execPath
  const child = spawn(program, args, {
    detached: true,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit', ...(isNode ? ['ipc'] : [])],
  })
  children.add(child)
  child.once('error', ({ message }) => end(1, `${program}: ${message}`))
  child.once('exit', (code, signal) => {
    children.delete(child)
    if (isEnding) return
    if (isNode) setTimeout(() => isEnding || startNode(environment.NODE_NAME), RESTART_AFTER_MS)
    else void end(1, `${program} ended with ${signal ?? code}`)
  })
  return child
}

async function end(code, why) {
  if (isEnding) return
  isEnding = true
  if (why) process.stderr.write(`${why}\n`)
  // The nodes before the Redis that they would miss.
  await Promise.all(
    [...children].toReversed().map((child) => child.pid && child.kill('SIGKILL') && once(child, 'exit')),
  )
  rmSync(directory, { recursive: true, force: true })
  process.exit(code)
}

async function listening(where, what) {
  const giveUpAtMs = Date.now() + START_DEADLINE_MS
  while (!(await answers(where))) {
    if (Date.now() > giveUpAtMs) return end(1, `${what} did not come up on port ${where}`)
    await sleep(20)
  }
}

function answers(where) {
  return new Promise((resolve) => {
    const socket = connect(where, '127.0.0.1', () => resolve(true))
    socket.on('connect', () => socket.destroy())
    socket.on('error', () => resolve(false))
  })
}

/** Five in a row from the one that was given, or from anywhere below those that the system hands out to clients. */
async function choosePorts(given) {
  const first = Number(given)
  if (!Number.isInteger(first) || first < 0 || first > 65_000) throw new Error(`PORT is 0 to 65000, not "${given}"`)
  for (let attempt = 1; ; attempt++) {
    const base = first === 0 ? FIRST_PORT + Math.floor(Math.random() * PORTS) : first
    const ports = [0, 1, 2, 3, 4].map((next) => base + next)
    const problems = (await Promise.all(ports.map((each) => bindProblem(each)))).filter(Boolean)
    if (problems.length === 0) return ports
    if (first !== 0 || attempt === PORT_ATTEMPTS_MAX) throw new Error(`${problems[0]}; name another PORT, or 0 for any`)
  }
}

function bindProblem(where) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', ({ code }) => resolve(`port ${where} can't be used (${code})`))
    server.listen(where, '127.0.0.1', () => server.close(() => resolve(undefined)))
  })
}
