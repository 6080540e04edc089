/**
 * `npm run release`: packs everything, and shows what would be published. `npm run release -- --publish` publishes it with provenance,
 * which takes a build server with an OIDC identity, a version that is in CHANGELOG.md, a commit without changes, and a public repository.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { manifestOf, PACKAGES, project, root, tarballOf } from './packages.ts'

const OUT = path.join(root, 'packed')

const { values } = parseArgs({ options: { publish: { type: 'boolean', default: false } } })
const problems = problemsOfRelease()
for (const problem of problems) process.stderr.write(`release: ${problem}\n`)
if (values.publish && problems.length > 0) process.exit(1)

run(process.execPath, [path.join(root, 'release/pack.ts'), '--out', OUT])
// Each after those that it depends on.
for (const name of PACKAGES) {
  const tarball = path.join(OUT, tarballOf(manifestOf(name)))
  run('npm', ['publish', tarball, '--access', 'public', ...(values.publish ? ['--provenance'] : ['--dry-run'])])
}
if (!values.publish) process.stdout.write('A dry run: nothing was published. With --publish it would be.\n')

/** What forbids a release. */
function problemsOfRelease(): string[] {
  const { version, repository } = project
  const found: string[] = []
  if (repository === undefined)
    found.push(
      'package.json has no "repository": npm attests provenance only for a package that names its public repository',
    )
  if (!readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8').includes(`\n## ${version}\n`))
    found.push(`CHANGELOG.md has no heading "## ${version}"`)
  for (const name of PACKAGES) {
    const { version: own } = manifestOf(name)
    if (own !== version) found.push(`packages/${name} has version ${own}, and the project ${version}`)
  }
  const changes = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
  if (changes !== '') found.push('there are changes that are not committed')
  return found
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}
