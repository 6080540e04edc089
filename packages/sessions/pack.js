/**
 * Makes `npm pack` produce a package of JavaScript and declarations, while in the workspace the exports name the TypeScript
 * sources and nothing has to be built: Node strips no types inside node_modules. Run by npm, before and after it packs:
 *
 *     pack.js prepare <npm's pid>    builds dist/, then puts a package.json in place whose exports name it
 *     pack.js restore <npm's pid>    puts the workspace's own package.json back, and removes dist/
 *
 * A build that fails has changed nothing yet. Where npm itself fails or is interrupted after that it does not call again, so
 * a process of our own waits for its end and restores. Rejected: `publishConfig.exports`, which npm does not apply, and a
 * condition in `exports`, which would need a flag wherever our code runs.
 *
 * What npm tells the registry of a folder is read after the restore. `npm publish <tarball>` tells what is in the tarball.
 */
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const POLL_MS = 20
const [, script, command, npm] = process.argv
if (!(Number(npm) > 0)) throw new Error("npm's pid is missing: a POSIX shell gives it as $PPID")

const manifest = new URL('package.json', import.meta.url)
const built = new URL('dist/', import.meta.url)
/** The workspace's own package.json for as long as the other is in place. Ignored by git, as is dist/. */
const kept = new URL(`.ninelives/package-${npm}.json`, import.meta.url)

const commands = { prepare, guard, restore }
await commands[command]()

function prepare() {
  const own = fs.readFileSync(manifest, 'utf8')
  if (published(own) === own) throw new Error('package.json is the one to publish already: is another npm packing?')
  const { INIT_CWD: invokedIn = '.', npm_config_pack_destination: destination = '.' } = process.env
  // npm would notice only after it has packed, and would not restore it.
  fs.accessSync(resolve(invokedIn, destination), fs.constants.W_OK)
  build()
  fs.mkdirSync(new URL('./', kept), { recursive: true })
  fs.writeFileSync(kept, own)
  spawn(process.execPath, [script, 'guard', npm], { detached: true, stdio: 'ignore' }).unref()
  fs.writeFileSync(manifest, published(own))
}

function build() {
  const cwd = fileURLToPath(new URL('./', import.meta.url))
  const { status, error } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd, stdio: 'inherit' })
  if (status === 0) return
  fs.rmSync(built, { recursive: true, force: true })
  if (error) throw error
  process.exit(status ?? 1)
}

/** The same without what is for the workspace only, and with what was built in place of its source. */
function published(text) {
  const { scripts: _, devDependencies: __, exports, ...fields } = JSON.parse(text)
  fields.exports = Object.fromEntries(
    Object.entries(exports).filter(([, path]) => !path.startsWith('./src/simulation/')),
  )
  return `${JSON.stringify(fields, null, 2).replace(/"\.\/src\/([^"]+)\.ts"/g, '"./dist/$1.js"')}\n`
}

function restore() {
  if (!fs.existsSync(kept)) return
  fs.rmSync(built, { recursive: true, force: true })
  fs.renameSync(kept, manifest)
}

async function guard() {
  while (fs.existsSync(kept) && isRunning(Number(npm))) await sleep(POLL_MS)
  restore()
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    // There is no such process any more.
    return false
  }
}
