/**
 * The packages as others get them: packed, and installed from their tarballs into applications outside of the workspace. npm takes
 * what it has in its cache, and asks the registry for the rest.
 */
import { execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { freePort, until } from '@ninelives/lab'
import { PACKAGES, tarballOf, manifestOf } from '../release/packages.ts'
import { redisMissing } from '../packages/sessions/test/support/redis/server.ts'
import { ENVIRONMENT, fileOf, frames, NEEDS_REDIS, programs, withMemory, writeFrames } from './support/readme-blocks.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../', import.meta.url))
const fixtures = fileURLToPath(new URL('packed/', import.meta.url))
const MB = 1024 * 1024
const PACKAGE_MANAGER_MS = 600_000
const STARTED_MS = 60_000

const KOA = ['koa@3', 'koa-session@7', '@types/koa@3', '@types/node@24']
/** What the blocks of READMEs and pages import besides. */
const BESIDES = ['@koa/bodyparser@6', '@koa/router@15', 'ava@8.0.1', 'hono@4', 'pino@10', 'ws@8', '@types/ws@8']
/** What metrics and tracing take. */
const OBSERVED = ['@opentelemetry/api@1', '@prometheus-io/client@0.16']
const EXPRESS = [
  'express@5',
  'express-session@1',
  'fastify@5',
  '@fastify/cookie@11',
  '@fastify/session@11',
  'express-openid-connect@3',
  'hono@4',
  '@hono/node-server@2',
  '@types/express@5',
  '@types/express-session@1',
  '@types/node@24',
]
const CHECKERS = ['publint@0.3.25', '@arethetypeswrong/cli@0.18.5']

/** What the npm that runs the tests hands down is not for the npm that they run. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name)))

let directory: string
let tarballs: string
/** With all packages and Koa. */
let application: string
/** With the session layer, Express, Fastify and Hono: no Koa, no driver. */
let withoutKoa: string
let checkers: string

test.before('packs and installs them', async (t) => {
  t.timeout(PACKAGE_MANAGER_MS)
  directory = await realpath(await mkdtemp(join(tmpdir(), 'ninelives-packed-')))
  tarballs = join(directory, 'tarballs')
  await run(process.execPath, [join(root, 'release/pack.ts'), '--out', tarballs], { cwd: root, env })
  const all = PACKAGES.map(pathOf)
  application = await installed('application', [...all, ...KOA, ...BESIDES, ...OBSERVED])
  withoutKoa = await installed('without-koa', [pathOf('sessions'), ...EXPRESS])
  checkers = await installed('checkers', CHECKERS)
})

test.after.always(() => rm(directory, { recursive: true, force: true }))

test.serial('a tarball has JavaScript, declarations, maps and the sources that these lead to', async (t) => {
  for (const name of PACKAGES) {
    const folder = join(application, 'node_modules/@ninelives', name)
    t.deepEqual(
      (await readdir(folder)).filter((file) => !file.endsWith('.md') && file !== 'bin').sort(),
      ['LICENSE', 'dist', 'package.json', 'src'],
      name,
    )
    const { exports, ...manifest } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      exports: Record<string, string>
      private?: boolean
      devDependencies?: object
      keywords: string[]
    }
    t.is(manifest.private, undefined)
    t.is(manifest.devDependencies, undefined)
    t.true(manifest.keywords.length > 0)
    const built = new Set(await readdir(join(folder, 'dist'), { recursive: true }))
    for (const target of Object.values(exports).filter((file) => file !== './package.json')) {
      const path = target.replace('./dist/', '')
      for (const file of [path, `${path}.map`, path.replace(/js$/, 'd.ts'), path.replace(/js$/, 'd.ts.map')])
        t.true(built.has(file), `${name}: ${file}`)
    }
  }
})

test.serial('no link of a README in a tarball leads to a file that is not there', async (t) => {
  for (const name of PACKAGES) {
    const folder = join(application, 'node_modules/@ninelives', name)
    const files = new Set((await readdir(folder, { recursive: true })).map(String))
    for (const page of [...files].filter((file) => file.endsWith('.md'))) {
      const text = (await readFile(join(folder, page), 'utf8'))
        .replaceAll(/^ *```.*?^ *```$/gms, '')
        .replaceAll(/`[^`\n]*`/g, '')
      for (const [, link = ''] of text.matchAll(/\]\(([^()\s]+)\)/g)) {
        if (/^([a-z]+:|#)/i.test(link)) continue
        const target = join(page, '..', link.replace(/#.*/, '')).replace(/\/$/, '')
        t.true(files.has(target), `${name}/${page}: ${link}`)
      }
    }
  }
})

for (const name of ['plain.mjs', 'plain.cjs']) {
  test.serial(`an application on Koa keeps a field from request to request: ${name}`, async (t) => {
    const visit = await visiting(t, application, name)
    t.deepEqual(await visit('/set'), { field: 'kept', count: 1 })
    t.deepEqual(await visit('/'), { field: 'kept', count: 2 })
  })
}

test.serial('the programs of the READMEs are known here', (t) => {
  t.deepEqual([...programs.keys()].sort(), ['express.mjs', 'fastify.mjs'])
})

for (const [name, text] of programs) {
  test.serial(`the program of a README counts its visits, as it stands: ${name}`, async (t) => {
    const port = await freePort()
    await writeFile(join(withoutKoa, name), withMemory(text).replace('3000', String(port)))
    const child = spawn(process.execPath, [name], {
      cwd: withoutKoa,
      env: { ...env, ...ENVIRONMENT },
      stdio: 'inherit',
    })
    t.teardown(() => child.kill('SIGKILL'))
    const visit = visitorOf(port)
    const answers = async (): Promise<boolean> => (await visit('/').catch(() => undefined)) !== undefined
    await until(answers, { deadlineMs: STARTED_MS, what: `${name} to answer` })
    t.deepEqual(await visit('/'), { visits: 2 })
  })
}

for (const name of ['oidc.mjs', 'http.mjs', 'hono.mjs']) {
  test.serial(`an application without Koa counts its visits: ${name}`, async (t) => {
    const visit = await visiting(t, withoutKoa, name)
    t.deepEqual(await visit('/'), { count: 1 })
    t.deepEqual(await visit('/'), { count: 2 })
  })
}

test.serial('the blocks of all READMEs and pages compile and run from the tarballs', async (t) => {
  t.timeout(PACKAGE_MANAGER_MS)
  const folder = join(application, 'blocks')
  await writeFrames(folder)
  const { compilerOptions } = JSON.parse(await readFile(join(fixtures, 'strict.json'), 'utf8')) as {
    compilerOptions: object
  }
  const relaxed = {
    lib: ['es2024', 'dom', 'dom.iterable'],
    noPropertyAccessFromIndexSignature: false,
    noUnusedLocals: false,
  }
  // Outside of the repository a frame has nothing of it.
  for (const { name, text } of frames) t.notRegex(text, /'\.\.\//, name)
  const runnable = frames.filter(({ text }) => redisMissing === undefined || !NEEDS_REDIS.test(text))
  const files = runnable.map(fileOf)
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, ...relaxed }, files }),
  )
  t.is(await typeErrors(folder), '')
  for (const file of files) {
    const program = file.endsWith('.test.ts') ? [join(application, 'node_modules/.bin/ava'), file] : [file]
    const ran = run(process.execPath, program, { cwd: folder, env: { ...env, ...ENVIRONMENT }, timeout: STARTED_MS })
    await t.notThrowsAsync(ran, file)
  }
})

test.serial('a missing package is an error with the command that installs it', async (t) => {
  for (const [url, packages] of [
    ['redis://127.0.0.1', 'ioredis'],
    ['postgres://127.0.0.1/shop', 'pg'],
    ['mysql://127.0.0.1/shop', 'mysql2'],
    ['memcached://127.0.0.1', 'memcache-client tslib'],
    ['token:', 'jose lru-cache'],
    ['hybrid:?over=sqlite:x.db', 'lru-cache'],
  ] as const) {
    t.true((await opening(url)).includes(`npm install ${packages}`), url)
  }
})

test.serial('an application in strict TypeScript checks, with the store that the README shows', async (t) => {
  const readme = await readFile(join(root, 'packages/sessions/README.md'), 'utf8')
  const [, store] = /```ts\n(\/\/ my-store\.ts\n[\s\S]*?)```/.exec(readme) ?? []
  await writeFile(join(application, 'my-store.ts'), store ?? '')
  for (const name of ['strict.ts', 'strict.cts']) await cp(join(fixtures, name), join(application, name))
  await cp(join(fixtures, 'strict.json'), join(application, 'tsconfig.json'))
  t.is(await typeErrors(application), '')

  await writeFile(
    join(application, 'my-store.ts'),
    `import { openStore } from '@ninelives/sessions'\nexport const store = openStore(1)`,
  )
  t.regex(await typeErrors(application), /my-store\.ts.*TS2345/, 'the declarations are looked at')
})

test.serial('applications on Express, Fastify and Hono check in strict TypeScript, without Koa', async (t) => {
  await cp(join(fixtures, 'without-koa.ts'), join(withoutKoa, 'without-koa.ts'))
  const strict = JSON.parse(await readFile(join(fixtures, 'strict.json'), 'utf8')) as object
  await writeFile(join(withoutKoa, 'tsconfig.json'), JSON.stringify({ ...strict, files: ['without-koa.ts'] }))
  t.is(await typeErrors(withoutKoa), '')
})

for (const name of PACKAGES) {
  test.serial(`publint and attw find nothing in @ninelives/${name}`, async (t) => {
    const bin = join(checkers, 'node_modules/.bin')
    const publint = await run(join(bin, 'publint'), ['run', pathOf(name), '--strict'], { cwd: checkers, env }).catch(
      (error: { stdout: string; stderr: string }) => error,
    )
    t.notRegex(publint.stdout + publint.stderr, /Errors:|Warnings:|Suggestions:/)
    // A CommonJS consumer requires the ES module, which Node does since 20.19 and 22.12. What has no types is data, such as package.json.
    const attw = run(
      join(bin, 'attw'),
      [pathOf(name), '--profile', 'esm-only', '--exclude-entrypoints', './package.json', '--no-color'],
      {
        cwd: checkers,
        env,
        maxBuffer: MB,
      },
    )
    await t.notThrowsAsync(attw.catch(({ stdout }: { stdout: string }) => Promise.reject(new Error(stdout))))
  })
}

test.serial('the command of the installed lab proves a strategy, without a clone', async (t) => {
  const folder = join(directory, 'elsewhere')
  await mkdir(folder)
  const ninelives = join(application, 'node_modules/.bin/ninelives')
  const { stdout: version } = await run(ninelives, ['--version'], { cwd: folder, env })
  t.is(version.trim(), manifestOf('lab').version)

  const args = ['prove', '--strategy', 'memory', '--kills', '1', '--users', '4', '--rate', '40']
  const proving = run(ninelives, args, { cwd: folder, env, maxBuffer: MB })
  const { code, stdout } = await proving.then(
    (out) => ({ code: 0, ...out }),
    (error: { code: number; stdout: string }) => error,
  )
  t.is(code, 1, stdout)
  t.regex(stdout, /Verdict +invalid/)
  t.true(stdout.includes(`Trace: ${folder}/.ninelives/`), 'its runs are where it was started')
})

async function installed(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(directory, name)
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']
  await run('npm', ['install', ...flags, ...packages], { cwd: folder, env, timeout: PACKAGE_MANAGER_MS })
  return folder
}

/** What Node prints where the store can't be opened. */
async function opening(url: string): Promise<string> {
  const code = `import { openStore } from '@ninelives/sessions/express'; const store = await openStore(process.argv[1]); await store.open()`
  const args = ['--input-type=module', '-e', code, url]
  return await run(process.execPath, args, { cwd: withoutKoa, env }).then(
    () => 'opened',
    ({ stderr }: { stderr: string }) => stderr,
  )
}

function pathOf(name: (typeof PACKAGES)[number]): string {
  return join(tarballs, tarballOf(manifestOf(name)))
}

/** Starts the application, and gives a browser with its cookie. */
async function visiting(t: { teardown(fn: () => void): void }, folder: string, name: string) {
  await cp(join(fixtures, name), join(folder, name))
  const child = fork(join(folder, name), { execArgv: [], env, cwd: folder })
  t.teardown(() => child.kill('SIGKILL'))
  const [port] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(failing)])) as [number]
  return visitorOf(port)
}

/** A browser with its cookie. */
function visitorOf(port: number): (path: string) => Promise<unknown> {
  let cookie = ''
  return async (path: string): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } })
    cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    return await answer.json()
  }
}

function failing([code]: unknown[]): never {
  throw new Error(`the application exits with ${String(code)}`)
}

async function typeErrors(project: string): Promise<string> {
  const checking = run(join(root, 'node_modules/.bin/tsc'), ['--project', project], { env })
  return await checking.then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
}
