/** What the house rules ask for and a machine can see; the linter holds the rest (lengths, promises, types). */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What each package may import of ours, or which part of it alone. `processes` are started, never imported. */
const boundaries: Readonly<Record<string, { imports: readonly string[]; processes?: readonly string[] }>> = {
  history: { imports: [] },
  sessions: { imports: [] },
  balancer: { imports: [] },
  node: { imports: ['sessions', 'style'] },
  style: { imports: [] },
  dashboard: { imports: ['history', 'style'] },
  lab: {
    imports: ['history', 'dashboard', 'sessions', 'style', 'node/config', 'node/signed-lines'],
    processes: ['node', 'balancer'],
  },
}

interface Source {
  readonly path: string
  readonly text: string
}

const folders = ['packages', 'test', 'bench', 'examples'].filter((folder) => existsSync(join(root, folder)))

const sources: readonly Source[] = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(node_modules|dist|results|\.ninelives)\//.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })),
)

const inSrc = (path: string): boolean => /^packages\/[^/]+\/src\//.test(path)

const elsewhere = (path: string): boolean => path !== 'test/tidy.test.ts'

/** The lines that match, as `path:line`, so that a failure names the place. */
function places(pattern: RegExp, within: (path: string) => boolean): string[] {
  return sources
    .filter(({ path }) => within(path))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    )
}

function specifiers(text: string): string[] {
  return [...text.matchAll(/(?:^|\s)(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier]) => specifier as string)
}

test('every package of the workspace has its boundaries stated', (t) => {
  const packages = readdirSync(join(root, 'packages')).filter((name) => !name.startsWith('.'))
  t.deepEqual(packages.sort(), Object.keys(boundaries).sort())
})

for (const [name, { imports, processes = [] }] of Object.entries(boundaries)) {
  test(`packages/${name} imports only what its boundaries allow`, (t) => {
    const own = sources.filter(({ path }) => path.startsWith(`packages/${name}/src/`))
    t.true(own.length > 0)
    for (const { path, text } of own) {
      for (const specifier of specifiers(text)) {
        const [, imported] = /^@ninelives\/([\w-]+)/.exec(specifier) ?? []
        const isAllowed = imports.some((each) => each === imported || `@ninelives/${each}` === specifier)
        if (imported !== undefined) t.true(isAllowed, `${path} imports ${specifier}`)
        if (specifier.startsWith('.')) {
          const target = relative(root, join(root, dirname(path), specifier))
          t.true(target.startsWith(`packages/${name}/`), `${path} reaches into ${target}`)
        }
      }
    }
    const declared = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>
    }
    const ours = Object.keys(declared.dependencies ?? {}).filter((dependency) => dependency.startsWith('@ninelives/'))
    const allowed = new Set([...imports, ...processes].map((each) => `@ninelives/${each.split('/')[0]}`))
    t.deepEqual(ours.sort(), [...allowed].sort(), `packages/${name}/package.json`)
  })
}

test('only a config.ts reads the environment', (t) => {
  t.deepEqual(
    places(/(?<!readConfig\()process\.env/, (path) => inSrc(path) && basename(path) !== 'config.ts'),
    [],
  )
})

test('files are kebab-case nouns, and none is a bag of leftovers', (t) => {
  const names = sources.map(({ path }) => path)
  t.deepEqual(
    names.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|js)$/.test(basename(path))),
    [],
  )
  t.deepEqual(
    names.filter((path) => /(^|[/-])(utils?|helpers?|manager|common|misc|data2)(\.|\/|-)/.test(path)),
    [],
  )
})

test('nothing is left for later, and no test runs alone', (t) => {
  t.deepEqual(places(/\b(TODO|FIXME|XXX|HACK)\b/, elsewhere), [])
  t.deepEqual(places(/\btest\.only\(/, elsewhere), [])
})

test('an instant ends in AtMs, and no duration is without its unit', (t) => {
  t.deepEqual(places(/\b(timeout|interval|delay|deadline|ttl|age)\s*[?]?: number\b/, inSrc), [])
})

test('the lock file names no registry', (t) => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  t.false(/"resolved": "http/.test(lock))
})

test('where a script installs Node and then runs it, the shell looks for it anew', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const [name, line] of Object.entries(scripts)) {
    if (!line.includes('install.js &&')) continue
    t.regex(
      line,
      /install\.js && hash -r && /,
      `${name}: a shell remembers where it found node, and that may be an older one`,
    )
  }
})
