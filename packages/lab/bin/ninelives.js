#!/usr/bin/env node
/**
 * `npx ninelives` on Node 20 or newer: installs what is missing, then runs the command line on the workspace's Node 24 with the
 * same terminal, forwarded signals and the same exit code.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled, root } from './ensure-installed.js'

const NEEDED_MAJOR = 24

await ensureInstalled()
if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) await import('../src/cli.ts')
else runOnOwnNode()

function runOnOwnNode() {
  const node = path.join(root, 'node_modules/.bin/node')
  const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
  const child = spawn(node, [cli, ...process.argv.slice(2)], {
    stdio: 'inherit',
    // Tells the command that its parent is only a launcher, so that it ends with its parent.
    env: { ...process.env, NINELIVES_LAUNCHER: String(process.pid) },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.once('error', (error) => {
    process.stderr.write(`ninelives: Node ${NEEDED_MAJOR} did not start (${error.message}); try npm ci\n`)
    process.exit(1)
  })
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
