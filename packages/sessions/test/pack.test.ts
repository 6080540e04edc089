/**
 * The package as others get it: packed by npm, and installed into applications outside of the workspace.
 *
 * It is packed from a copy of the workspace, because packing puts another package.json in place for a moment, which the
 * processes of other tests would read. It is installed by unpacking it beside links to what it declares to need, and to
 * what an application brings: `npm install` asks a registry even for what is on the disk. An import of something that is
 * not declared does not resolve there, since no folder above the one for temporary files has modules.
 */
import { execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { client } from './support/shop.ts'
import { until } from './support/until.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
const fixtures = fileURLToPath(new URL('fixtures/packed/', import.meta.url))
const NAME = '@ninelives/sessions'
/** What an application on Koa installs besides. */
const BROUGHT = ['koa', '@types/koa', '@types/node']
const RESTORED_WITHIN_MS = 60_000

interface Manifest {
  readonly private?: boolean
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

/** What the npm that runs the tests hands down is not for the npm that they run. */
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name))),
  npm_config_update_notifier: 'false',
  npm_config_offline: 'true',
}

let directory: string
/** The copy of the workspace, and of the package in it. */
let workspace: string
let source: string
/** Where it is installed, and the application around that. */
let installed: string
let application: string

test.before('packs and installs it', async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'ninelives-pack-')))
  workspace = join(directory, 'workspace')
  source = join(workspace, 'packages/sessions')
  application = join(directory, 'application')
  installed = join(application, 'node_modules', NAME)

  await mkdir(source, { recursive: true })
  for (const name of ['package.json', 'tsconfig.json']) await cp(join(root, name), join(workspace, name))
  await symlink(join(root, 'node_modules'), join(workspace, 'node_modules'))
  const skipped = new Set(['test', 'dist', '.ninelives', 'node_modules'].map((name) => packagePath(name)))
  await cp(packagePath(), source, { recursive: true, filter: (path) => !skipped.has(path) })
  await npmPack(['--pack-destination', directory])

  await mkdir(installed, { recursive: true })
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz')) ?? 'no tarball'
  await run('tar', ['-xzf', join(directory, tarball), '-C', installed, '--strip-components=1'])
  const { dependencies } = await manifestOf(installed)
  for (const name of [...Object.keys(dependencies), ...BROUGHT]) {
    const link = join(application, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link)
  }
})

test.after.always(() => rm(directory, { recursive: true, force: true }))

test.serial('it is JavaScript with its declarations, and packing leaves nothing behind', async (t) => {
  const { private: isPrivate, exports } = await manifestOf(installed)
  t.falsy(isPrivate)
  t.deepEqual((await readdir(installed)).sort(), ['LICENSE', 'README.md', 'dist', 'package.json'])
  const built = await readdir(join(installed, 'dist'), { recursive: true })
  t.deepEqual([...new Set(built.map((path) => path.replace(/^[\w/-]+/, '')))].sort(), ['', '.d.ts', '.js'])
  const own = Object.entries((await manifestOf(packagePath())).exports)
  const forOthers = own.filter(([, path]) => !path.startsWith('./src/simulation/'))
  t.deepEqual(
    Object.keys(exports),
    forOthers.map(([name]) => name),
  )
  for (const target of Object.values(exports)) {
    const path = target.replace('./dist/', '')
    t.true(built.includes(path) && built.includes(path.replace(/\.js$/, '.d.ts')), target)
  }
  t.true(await isUntouched())
})

for (const name of ['plain.mjs', 'plain.cjs']) {
  test.serial(`an application in plain JavaScript keeps a field from request to request: ${name}`, async (t) => {
    await cp(join(fixtures, name), join(application, name))
    const child = fork(join(application, name), { execArgv: [], env })
    t.teardown(() => child.kill('SIGKILL'))
    const [port] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(failing)])) as [number]

    const browser = client(`http://127.0.0.1:${port}`)
    t.deepEqual((await browser.get('/set')).body, { field: 'kept', count: 1 })
    t.deepEqual((await browser.get('/')).body, { field: 'kept', count: 2 })
  })
}

test.serial('an application in strict TypeScript checks, with the store that the README shows', async (t) => {
  const readme = await readFile(packagePath('README.md'), 'utf8')
  const [, store] = /```ts\n(\/\/ my-store\.ts\n[\s\S]*?)```/.exec(readme) ?? []
  await writeFile(join(application, 'my-store.ts'), store ?? '')
  await writeFile(join(application, 'package.json'), JSON.stringify({ type: 'module' }))
  await cp(join(fixtures, 'strict.ts'), join(application, 'strict.ts'))
  await cp(join(fixtures, 'strict.json'), join(application, 'tsconfig.json'))
  t.is(await typeErrors(), '')

  await writeFile(
    join(application, 'my-store.ts'),
    `import { openStore } from '${NAME}'\nexport const store = openStore(1)`,
  )
  t.regex(await typeErrors(), /my-store\.ts.*TS2345/, 'the declarations are looked at')
})

test.serial('a build that fails leaves the workspace as it was', async (t) => {
  const broken = join(source, 'src/broken.ts')
  await writeFile(broken, 'export const broken: number = "text"\n')
  t.teardown(() => rm(broken))
  await t.throwsAsync(npmPack(['--dry-run']), { message: /broken\.ts/ })
  t.true(await isUntouched())
})

test.serial('an npm that is killed while it packs leaves the workspace as it was', async (t) => {
  const npm = spawn('npm', ['pack', '--workspace', NAME, '--dry-run'], { cwd: workspace, env, stdio: 'ignore' })
  const gone = once(npm, 'exit')
  await until('another package.json is in place', async () => !(await isUntouched()), RESTORED_WITHIN_MS)
  npm.kill('SIGKILL')
  await gone
  await until('the package.json of the workspace is back', isUntouched, RESTORED_WITHIN_MS)
  t.pass()
})

async function npmPack(options: readonly string[]): Promise<void> {
  const packing = run('npm', ['pack', '--workspace', NAME, ...options], { cwd: workspace, env })
  await packing.catch((error: { stdout: string; stderr: string }) => {
    throw new Error(error.stdout + error.stderr)
  })
}

function packagePath(name = ''): string {
  return join(root, 'packages/sessions', name)
}

async function manifestOf(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as Manifest
}

/** No more and no less than before it was packed: what was built is gone, and package.json is the workspace's own. */
async function isUntouched(): Promise<boolean> {
  const [now, before] = await Promise.all(
    [source, packagePath()].map((path) => readFile(join(path, 'package.json'), 'utf8')),
  )
  return now === before && !(await readdir(source)).includes('dist')
}

async function typeErrors(): Promise<string> {
  const checking = run(join(root, 'node_modules/.bin/tsc'), ['--project', application], { env })
  return await checking.then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
}

function failing([code]: unknown[]): never {
  throw new Error(`the application exits with ${String(code)}`)
}
