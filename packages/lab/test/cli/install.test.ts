import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { until } from '../../src/wait.ts'
import { type Command, runProgram, untilGone } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

interface Clone {
  readonly root: string
  /** Runs what `npm start` and `npm test` run first. */
  readonly install: () => Command
  readonly npmRuns: () => number
}

/** A clone with nothing installed, and an npm that does what the test says. */
function clone(t: ExecutionContext, npm: string): Clone {
  const root = scratch(t)
  cpSync(fileURLToPath(new URL('../../bin', import.meta.url)), `${root}/packages/lab/bin`, { recursive: true })
  writeFileSync(`${root}/package.json`, '{ "type": "module" }')
  mkdirSync(`${root}/path`)
  writeFileSync(`${root}/path/npm`, `#!/bin/sh\necho "$@" >> ${root}/runs\n${npm}\n`)
  chmodSync(`${root}/path/npm`, 0o755)
  const environment = { PATH: `${root}/path:/usr/bin:/bin` }
  return {
    root,
    install: () => runProgram(t, process.execPath, [`${root}/packages/lab/bin/install.js`], environment),
    npmRuns: () => (existsSync(`${root}/runs`) ? readFileSync(`${root}/runs`, 'utf8').trim().split('\n').length : 0),
  }
}

const works = 'sleep 0.3; mkdir -p node_modules; touch node_modules/.package-lock.json; echo added'

test('a fresh clone is installed once, and says so', async (t) => {
  const { root, install, npmRuns } = clone(t, works)
  const first = install()
  t.is(await first.exited, 0)
  t.is(
    first.output.stderr,
    'ninelives: installing what it needs (npm ci); this happens only the first time, and takes a minute or more\n',
  )
  t.is(first.output.stdout, 'added\n')
  t.regex(readFileSync(`${root}/runs`, 'utf8'), /^ci --include=dev/)

  const second = install()
  t.is(await second.exited, 0)
  t.deepEqual(second.output, { stdout: '', stderr: '' })
  t.is(npmRuns(), 1)
})

test('concurrent installs take turns, and the second has nothing to do', async (t) => {
  const { root, install, npmRuns } = clone(t, `until [ -e go ]; do sleep 0.05; done; ${works}`)
  const both = [install(), install()]
  const isWaiting = () =>
    both.some(({ output }) => output.stderr.includes('another install is under way; waiting for it'))
  await until(isWaiting, { deadlineMs: 60_000, what: 'an install to wait for the other' })
  writeFileSync(`${root}/go`, '')
  t.deepEqual(await Promise.all(both.map(({ exited }) => exited)), [0, 0])
  t.is(npmRuns(), 1)
})

test('an install that was killed does not stand in the way of the next', async (t) => {
  const { root, install } = clone(t, works)
  const dead = runProgram(t, process.execPath, ['-e', ''])
  await dead.exited
  mkdirSync(`${root}/.ninelives`)
  writeFileSync(`${root}/.ninelives/installing`, String(dead.pid))
  const { exited } = install()
  t.is(await exited, 0)
  t.false(existsSync(`${root}/.ninelives/installing`))
})

test('an install that fails is a failure, and the next one tries again', async (t) => {
  const { root, install, npmRuns } = clone(t, 'exit 7')
  const first = install()
  t.is(await first.exited, 1)
  t.regex(first.output.stderr, /ninelives: npm ci failed \(exit 7\); its own lines above say why\n$/)
  t.false(existsSync(`${root}/.ninelives/installing`))
  t.is(await install().exited, 1)
  t.is(npmRuns(), 2)
})

test('a lock without an owner is not waited for forever', async (t) => {
  const { root, install, npmRuns } = clone(t, works)
  mkdirSync(`${root}/.ninelives`)
  writeFileSync(`${root}/.ninelives/installing`, '')
  const { output, exited } = install()
  await until(() => output.stderr.includes('waiting for it'), { deadlineMs: 60_000, what: 'it to wait' })
  t.is(npmRuns(), 0)
  t.is(await exited, 0)
  t.is(npmRuns(), 1)
})

test('Ctrl-C during an install ends npm and what npm started, and the next start installs', async (t) => {
  const { root, install, npmRuns } = clone(
    t,
    `[ -e second ] && { mkdir -p node_modules; touch node_modules/.package-lock.json; exit; }
sleep 600 & echo $! > child; touch second; wait`,
  )
  const first = install()
  await until(() => existsSync(`${root}/second`), { deadlineMs: 60_000, what: 'npm to be at work' })
  const child = Number(readFileSync(`${root}/child`, 'utf8'))
  first.process.kill('SIGINT')
  t.is(await first.exited, 130)
  t.regex(first.output.stderr, /\nninelives: the install was interrupted; the next start installs anew\n$/)
  await untilGone([child])
  t.is(await install().exited, 0)
  t.is(npmRuns(), 2)
})

test('after a start that was killed during its install, the next one waits for its npm', async (t) => {
  const { root, install, npmRuns } = clone(t, `touch begun; until [ -e go ]; do sleep 0.05; done; ${works}`)
  const first = install()
  // npm may begin before the lock names it, which is the next thing that the install does.
  const isNamed = () => readFileSync(`${root}/.ninelives/installing`, 'utf8') !== String(first.process.pid)
  await until(() => existsSync(`${root}/begun`) && isNamed(), { deadlineMs: 60_000, what: 'npm to be at work' })
  first.process.kill('SIGKILL')
  const second = install()
  const isWaiting = () => second.output.stderr.includes('another install is under way; waiting for it')
  await until(isWaiting, { deadlineMs: 60_000, what: 'the second to wait' })
  writeFileSync(`${root}/go`, '')
  t.is(await second.exited, 0)
  t.is(npmRuns(), 1)
})

test('a clone that cannot be written is told in one line', async (t) => {
  const { root, install } = clone(t, works)
  // A file where the folder should be refuses the folder to root as well.
  writeFileSync(`${root}/.ninelives`, '')
  const { output, exited } = install()
  t.is(await exited, 1)
  t.regex(
    output.stderr,
    /^ninelives: .* can't be written \(EEXIST\), and the first start installs there; copy it .*\n$/,
  )
})
