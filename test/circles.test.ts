/**
 * Rooms depend downwards: no file and no folder depends on itself through others, imports of types included. Files at the root of
 * a package, of `bench` or of `test` each stand for themselves, since some lie below all rooms and some above.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

type Graph = ReadonlyMap<string, ReadonlySet<string>>

/** Each source file below the folder, with the files that it imports by a relative path. */
function importsBelow(folder: string): Graph {
  const paths = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(node_modules|dist|results|\.ninelives)\//.test(path))
  return new Map(paths.map((path) => [path, new Set(imported(path).filter((each) => paths.includes(each)))]))
}

function imported(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, to = '']) =>
    normalize(join(dirname(path), to)),
  )
}

function roomsOf(files: Graph, top: string): Graph {
  const roomOf = (path: string): string => (dirname(path) === top ? path : dirname(path))
  const rooms = new Map<string, Set<string>>()
  for (const [path, targets] of files) {
    const room = rooms.get(roomOf(path)) ?? new Set()
    rooms.set(roomOf(path), room)
    for (const target of targets) if (roomOf(target) !== roomOf(path)) room.add(roomOf(target))
  }
  return rooms
}

/** One circle, as a path that comes back to where it began; undefined where there is none. */
function circle(graph: Graph): string | undefined {
  const done = new Set<string>()
  const way: string[] = []
  const visit = (from: string): string | undefined => {
    if (way.includes(from)) return [...way.slice(way.indexOf(from)), from].join(' → ')
    if (done.has(from)) return undefined
    way.push(from)
    for (const to of graph.get(from) ?? []) {
      const found = visit(to)
      if (found !== undefined) return found
    }
    way.pop()
    done.add(from)
    return undefined
  }
  for (const from of graph.keys()) {
    const found = visit(from)
    if (found !== undefined) return found
  }
  return undefined
}

const packages = readdirSync(join(root, 'packages'))

for (const top of [...packages.map((name) => `packages/${name}/src`), 'bench']) {
  test(`${top} has no circle of files or rooms`, (t) => {
    const files = importsBelow(top)
    t.true(files.size > 0)
    t.is(circle(files), undefined)
    t.is(circle(roomsOf(files, top)), undefined)
  })
}

test('a circle is found', (t) => {
  const graph = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['c', 'd'])],
    ['c', new Set<string>()],
    ['d', new Set(['b'])],
  ])
  t.is(circle(graph), 'b → d → b')
})
