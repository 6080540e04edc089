/**
 * `npm run pack`: a tarball of every package, as npm would publish it, in `packed/`. `--out DIR` for another folder; `--readme` puts
 * the sizes into docs/reference/packages.md.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { PACKAGES, type PackageName, manifestOf, root, tarballOf } from './packages.ts'
import { stagePackage } from './stage.ts'

const run = promisify(execFile)

interface Packed {
  readonly package: PackageName
  readonly file: string
  readonly bytes: number
  readonly unpackedBytes: number
}

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'packed' }, readme: { type: 'boolean', default: false } },
})
const packed = await packAll(path.resolve(values.out))
for (const { file, bytes, unpackedBytes } of packed) {
  process.stdout.write(`${file.padEnd(34)}${kB(bytes).padStart(8)}   unpacked ${kB(unpackedBytes).padStart(9)}\n`)
}
if (values.readme) await writeSizes(packed)

async function packAll(out: string): Promise<Packed[]> {
  await mkdir(path.join(root, '.ninelives'), { recursive: true })
  const stage = await mkdtemp(path.join(root, '.ninelives/pack-'))
  try {
    await mkdir(out, { recursive: true })
    for (const file of await readdir(out)) if (/^ninelives-.*\.tgz$/.test(file)) await rm(path.join(out, file))
    const all: Packed[] = []
    for (const name of PACKAGES) {
      const folder = await stagePackage(stage, name)
      const { stdout } = await run('npm', ['pack', folder, '--json', '--ignore-scripts', '--pack-destination', out], {
        cwd: stage,
      })
      const file = tarballOf(manifestOf(name))
      const [{ unpackedSize }] = Object.values(JSON.parse(stdout) as object) as [{ unpackedSize: number }]
      const { size: bytes } = await stat(path.join(out, file))
      all.push({ package: name, file, bytes, unpackedBytes: unpackedSize })
    }
    return all
  } finally {
    await rm(stage, { recursive: true, force: true })
  }
}

function kB(bytes: number): string {
  return `${Math.round(bytes / 1_000)} kB`
}

async function writeSizes(all: readonly Packed[]): Promise<void> {
  const file = path.join(root, 'docs/reference/packages.md')
  const rows = all.map(({ package: name, bytes, unpackedBytes }) => {
    return `| \`@ninelives/${name}\` | ${kB(bytes)} | ${kB(unpackedBytes)} |`
  })
  const table = ['| package | tarball | unpacked |', '| --- | --- | --- |', ...rows].join('\n')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(/(<!-- sizes -->\n)[\s\S]*?(<!-- \/sizes -->)/, `$1\n${table}\n\n$2`))
}
