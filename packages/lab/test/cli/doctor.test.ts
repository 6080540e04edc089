import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

interface Report {
  readonly losses: number
  readonly warnings: number
  readonly stores: readonly {
    readonly url: string
    readonly findings: readonly { readonly name: string; readonly level: string; readonly remedy?: string }[]
  }[]
}

async function mesh(t: ExecutionContext): Promise<string> {
  const nodes = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
      t.teardown(() => server.close())
      await once(server, 'listening')
      return `${name}=127.0.0.1:${(server.address() as AddressInfo).port}`
    }),
  )
  return `replicated:?peers=${nodes.join()}`
}

const refused = test.macro(async (t, args: string[], line: RegExp, environment: NodeJS.ProcessEnv = {}) => {
  const command = run(t, ['doctor', ...args], environment)
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, line)
  t.is(command.output.stdout, '')
  t.notRegex(command.output.stderr, /sEcret/)
})
test('no URL', refused, [], /^ninelives: doctor takes a store's URL.*NINELIVES_STORE.*--store-file\n$/)
test('two URLs', refused, ['memory:', 'memory:'], /takes one URL, not 2/)
test(
  'an unknown flag',
  refused,
  ['memory:', '--fly'],
  /unknown flag --fly; doctor knows --store-file, --accept, --json/,
)
test('a bad name of a finding', refused, ['memory:', '--accept', 'a b'], /--accept takes names of findings/)
test('a URL of no known scheme', refused, ['cloud://u:sEcret@h'], /no store for 'cloud:.*\n$/)
test('a setting that there is not', refused, ['redis://:sEcret@h?x=1'], /has 'x', and takes/)

test('memory loses sessions: exit code 2, with the reasons', async (t) => {
  const command = run(t, ['doctor', 'memory:'])
  t.is(await command.exited, 2)
  t.regex(
    command.output.stdout,
    /^memory:\n\n {2}loses sessions {2}each node keeps its sessions in its own memory.*\[shared\]\n/,
  )
  t.regex(command.output.stdout, /\n2 of these lose sessions, 1 warning\n$/)
  t.is(command.output.stderr, '')
})

test('a reader that has read enough changes no exit code', async (t) => {
  // Something is written while it waits for the store.
  const write = `process.on('newListener', (name) => {
    if (name === 'uncaughtException') setImmediate(() => process.stdout.write('more'))
  })`
  const command = run(t, ['doctor', 'redis://127.0.0.1:1?openTimeoutMs=300'], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(write)}`,
  })
  command.process.stdout?.destroy()
  t.is(await command.exited, 2)
  t.is(command.output.stderr, '')
})

test('a mesh whose nodes all answer is worth a warning: exit code 1, and 0 once that is accepted', async (t) => {
  const url = await mesh(t)
  const warned = run(t, ['doctor', url])
  t.is(await warned.exited, 1)
  t.regex(warned.output.stdout, /warning .*\[copies\]\n {2} *→ restart one node after the other/)
  const accepted = run(t, ['doctor', url, '--accept', 'copies,other'])
  t.is(await accepted.exited, 0)
  t.regex(accepted.output.stdout, /accepted .*\[copies\][^]*\nnothing found\n$/)
})

test('a store of its own for each URL in the URL, as JSON and from a file or the environment', async (t) => {
  const directory = scratch(t)
  const url = `moving:?step=ready&from=sqlite:${directory}/a.db%3FtimeoutMs=20000&to=sqlite:${directory}/b.db%3FtimeoutMs=20000`
  const file = path.join(directory, 'url')
  writeFileSync(file, `${url}\n`)
  const ways: [string[], NodeJS.ProcessEnv][] = [
    [['--store-file', file], {}],
    [[], { NINELIVES_STORE: url }],
  ]
  for (const [args, environment] of ways) {
    const command = run(
      t,
      ['doctor', ...args, '--json', '--accept', 'read-latency,write-latency,disk-space,file-system'],
      environment,
    )
    await command.exited
    const report = JSON.parse(command.output.stdout) as Report
    t.is(report.stores.length, 3)
    t.deepEqual([report.losses, report.warnings], [0, 0])
    t.is(report.stores[1]?.url, `sqlite:${directory}/a.db?timeoutMs=20000`)
    t.true(report.stores[1]?.findings.some(({ name, level }) => name === 'rights' && level === 'fine'))
  }
})

test('a server that is not there is exit code 2, and the password is never shown', async (t) => {
  const command = run(t, ['doctor', 'redis://user:sEcret@127.0.0.1:1?openTimeoutMs=200'])
  t.is(await command.exited, 2)
  t.regex(command.output.stdout, /^redis:\/\/user:\*\*\*@127\.0\.0\.1:1\?openTimeoutMs=200\n/)
  t.regex(
    command.output.stdout,
    /loses sessions {2}it can't be reached: connect ECONNREFUSED 127\.0\.0\.1:1 \[unreachable\]/,
  )
  t.notRegex(command.output.stdout + command.output.stderr, /sEcret/)
  t.regex(command.output.stderr, /other users of this machine can read the password/)
})

test('colours are for a terminal, or where they are asked for', async (t) => {
  const coloured = run(t, ['doctor', 'memory:'], { FORCE_COLOR: '1' })
  const plain = run(t, ['doctor', 'memory:'])
  await Promise.all([coloured.exited, plain.exited])
  t.true(coloured.output.stdout.includes('\u001b[31mloses sessions'))
  t.false(plain.output.stdout.includes('\u001b'))
})

test('help', async (t) => {
  const command = run(t, ['doctor', '--help'])
  t.is(await command.exited, 0)
  t.regex(
    command.output.stdout,
    /^ninelives doctor URL \[flags\][^]*--accept NAME,\.\.\.[^]*Exits with 0 if nothing was found; 1 after warnings; 2/,
  )
})
