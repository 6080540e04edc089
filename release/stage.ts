/**
 * Makes of a package of the workspace the folder that is packed: JavaScript, declarations and maps in `dist/`, the sources that the
 * maps lead to, and a package.json whose exports name `dist/`. Node strips no types inside node_modules, so the sources alone would
 * not run there. The workspace itself is only read.
 *
 * The stage mirrors the workspace: a package finds those of ours that it depends on beside it, as they will be published, and
 * packages of others in the workspace's node_modules above.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Manifest, manifestOf, type PackageName, project, root } from './packages.ts'

const run = promisify(execFile)

/** Stages a package in `stage`, a folder within the workspace, and resolves to its folder there. */
export async function stagePackage(stage: string, name: PackageName): Promise<string> {
  const source = path.join(root, 'packages', name)
  const folder = path.join(stage, 'packages', name)
  await mkdir(folder, { recursive: true })
  await cp(path.join(source, 'src'), path.join(folder, 'src'), { recursive: true })
  await build(stage, folder)
  const manifest = manifestOf(name)
  if (manifest.publishConfig?.['bin'] !== undefined) await copyBin(source, folder)
  await writeFile(path.join(folder, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`)
  const pages = (await readdir(source)).filter((file) => file.endsWith('.md'))
  for (const page of pages) {
    const text = await readFile(path.join(source, page), 'utf8')
    await writeFile(path.join(folder, page), withReachableLinks(text, name))
  }
  for (const file of ['LICENSE', 'CHANGELOG.md']) await cp(path.join(root, file), path.join(folder, file))
  const link = path.join(stage, 'node_modules', manifest.name)
  await mkdir(path.dirname(link), { recursive: true })
  await symlink(folder, link)
  return folder
}

async function build(stage: string, folder: string): Promise<void> {
  const config = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      incremental: false,
      tsBuildInfoFile: null,
      declaration: true,
      declarationMap: true,
      sourceMap: true,
      rootDir: 'src',
      outDir: 'dist',
    },
    include: ['src'],
  }
  const file = path.join(folder, 'tsconfig.json')
  await writeFile(file, JSON.stringify(config))
  const tsc = path.join(root, 'node_modules/.bin/tsc')
  await run(tsc, ['-p', file], { cwd: stage }).catch(({ stdout, stderr }: { stdout: string; stderr: string }) => {
    throw new Error(`tsc -p ${file} failed:\n${stdout}${stderr}`)
  })
  await copyOthers(path.join(folder, 'src'), path.join(folder, 'dist'))
}

/** Files that a module reads beside itself; and in modules, the names of other modules that no import statement has. */
async function copyOthers(src: string, dist: string): Promise<void> {
  for (const file of await readdir(src, { recursive: true })) {
    if (/\.(css|html|svg|js|c)$/.test(file)) await cp(path.join(src, file), path.join(dist, file))
  }
  for (const file of await readdir(dist, { recursive: true })) {
    if (!file.endsWith('.js')) continue
    const text = await readFile(path.join(dist, file), 'utf8')
    const rewritten = text.replaceAll(
      /new URL\('([\w./-]+)\.ts', import\.meta\.url\)/g,
      "new URL('$1.js', import.meta.url)",
    )
    if (rewritten !== text) await writeFile(path.join(dist, file), rewritten)
  }
}

async function copyBin(source: string, folder: string): Promise<void> {
  const bin = path.join(source, 'bin/installed.js')
  await cp(bin, path.join(folder, 'bin/installed.js')).catch((error: NodeJS.ErrnoException) => {
    // The program is then in `dist/`.
    if (error.code !== 'ENOENT') throw error
  })
}

/** Without what is for the workspace only. */
function published(manifest: Manifest): Record<string, unknown> {
  const { private: _, devDependencies: __, publishConfig = {}, exports, ...fields } = manifest
  const { bin, ...config } = publishConfig
  return {
    ...fields,
    version: project.version,
    license: project.license,
    ...(project.repository && {
      repository: { ...project.repository, directory: `packages/${shortName(fields.name)}` },
    }),
    ...(bin !== undefined && { bin }),
    files: ['bin', 'dist', 'src', '*.md'],
    exports: {
      ...Object.fromEntries(Object.entries(exports).map(([name, file]) => [name, builtFrom(file)])),
      './package.json': './package.json',
    },
    publishConfig: { access: 'public', ...config },
  }
}

function builtFrom(file: string): string {
  return file.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1.js')
}

function shortName(name: string): string {
  return name.replace(/^.*\//, '')
}

/** A link to a file that is not in the tarball leads to the repository, and is its text alone while there is none. */
function withReachableLinks(markdown: string, name: PackageName): string {
  const { repository } = project
  const base = repository && `${repository.url.replace(/^git\+/, '').replace(/\.git$/, '')}/blob/main/`
  return markdown.replaceAll(
    /\[([^\][]*(?:`[^`]*`[^\][]*)*)\]\(([^()\s]+)\)/g,
    (link, text: string, target: string) => {
      if (/^([a-z]+:|#)/i.test(target)) return link
      const file = path.posix.join('packages', name, target)
      const isIncluded = file.startsWith(`packages/${name}/src/`) || /^packages\/[\w-]+\/[\w-]+\.md(#.*)?$/.test(file)
      if (isIncluded && file.startsWith(`packages/${name}/`)) return link
      return base === undefined ? text : `[${text}](${base}${file})`
    },
  )
}
