/** Another commit's programs, ready to run beside the present ones, in a worktree of their own. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownPrograms, type Programs } from '@ninelives/lab'
import { projectRoot } from '../../packages/lab/src/run-directory.ts'
import { UsageError } from '../harness/config.ts'

export interface BaseTree {
  readonly commit: string
  readonly programs: Programs
  readonly close: () => void
}

const OURS = '@ninelives'

/** Throws UsageError when there is no such commit, or when it can't be installed. */
export function openBaseTree(reference: string): BaseTree {
  const commit = git('rev-parse', '--verify', '--quiet', `${reference}^{commit}`)
  if (commit === undefined) throw new UsageError(`--base is '${reference}', and takes a commit that git knows here`)
  const directory = join(mkdtempSync(join(tmpdir(), 'ninelives-base-')), 'tree')
  const close = (): void => {
    git('worktree', 'remove', '--force', directory)
    rmSync(join(directory, '..'), { recursive: true, force: true })
    git('worktree', 'prune')
  }
  try {
    if (git('worktree', 'add', '--detach', directory, commit) === undefined) {
      throw new UsageError(`git could not check ${commit} out to compare with`)
    }
    install(directory)
  } catch (error) {
    close()
    throw error
  }
  const main = (name: string): string => join(directory, 'packages', name, 'src/main.ts')
  return { commit, programs: { ...ownPrograms(), node: main('node'), balancer: main('balancer') }, close }
}

function install(directory: string): void {
  if (lockOf(directory) === lockOf(projectRoot)) return linkModules(directory)
  // No scripts: the programs run on the Node that runs this.
  const args = ['ci', '--ignore-scripts', '--loglevel=error']
  const { status } = spawnSync('npm', args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new UsageError('npm ci failed for the commit to compare with')
}

function lockOf(directory: string): string {
  return readFileSync(join(directory, 'package-lock.json'), 'utf8')
}

/** The same packages, by links; but ours are the commit's own, or nothing would be compared but the two programs' first files. */
function linkModules(directory: string): void {
  const [from, to] = [join(projectRoot, 'node_modules'), join(directory, 'node_modules')]
  mkdirSync(join(to, OURS), { recursive: true })
  for (const name of readdirSync(from)) {
    if (!name.startsWith('.') && name !== OURS) symlinkSync(join(from, name), join(to, name))
  }
  for (const name of readdirSync(join(directory, 'packages'))) {
    const path = join(directory, 'packages', name)
    if (!existsSync(join(path, 'package.json'))) continue
    symlinkSync(path, join(to, OURS, name))
    // Where two packages need two versions of a third.
    const own = join(projectRoot, 'packages', name, 'node_modules')
    if (existsSync(own)) symlinkSync(own, join(path, 'node_modules'))
  }
}

/** Undefined when it failed. */
export function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: projectRoot, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}
