/** The password of a store is known to the nodes, and shown nowhere. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { withoutPassword } from '../../src/config.ts'
import { anyPorts, family, ready, run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const SECRET = 'correct-horse'

test('a URL is shown without its password, also where several hosts or another URL stand in it', (t) => {
  for (const [url, shown] of [
    ['redis://u:secret@h:1/0', 'redis://u:***@h:1/0'],
    ['redis://:secret@h', 'redis://:***@h'],
    [
      'redis+sentinel://u:sec@ret@h1:1,h2:2/main?sentinelPassword=secret',
      'redis+sentinel://u:***@h1:1,h2:2/main?sentinelPassword=***',
    ],
    ['moving:?from=redis://u:secret@a&to=redis://v:secret@b', 'moving:?from=redis://u:***@a&to=redis://v:***@b'],
    ['moving:?from=redis%3A%2F%2Fu%3Asecret%40a&to=memory:', 'moving:?from=redis%3A%2F%2Fu%3A***%40a&to=memory:'],
    ['redis://h?mirror=postgres://u:secret@b/x', 'redis://h?mirror=postgres://u:***@b/x'],
    [
      'replicated:?peers=a=127.0.0.1:1,b=127.0.0.1:2&secret=secret',
      'replicated:?peers=a=127.0.0.1:1,b=127.0.0.1:2&secret=***',
    ],
    ['no answer from redis://u:secret@h:1: refused', 'no answer from redis://u:***@h:1: refused'],
  ] as const) {
    t.is(withoutPassword(url), shown)
  }
  for (const same of ['redis://h:6379', 'redis://user@h', 'memory:', './my-store.ts', 'http://h:1 and a@b', '']) {
    t.is(withoutPassword(same), same)
  }
})

test('a password in --store is used, with a warning that other users can read it', async (t) => {
  const command = run(t, ['up', ...anyPorts, '--store', `cloud://u:${SECRET}@h`, '--logs', scratch(t)])
  t.is(await command.exited, 2)
  const [hint = '', problem = ''] = command.output.stderr.split('\n')
  t.regex(hint, /^ninelives: other users of this machine can read the password in --store; give .* NINELIVES_STORE/)
  t.regex(problem, /^ninelives: node-\w: STORE: .*cloud/)
  t.notRegex(command.output.stdout + command.output.stderr, new RegExp(SECRET))
})

for (const [what, flags, line] of [
  ['two stores', ['--store', 'memory:', '--store-file', 'x'], /are two stores: give one/],
  ['no file', ['--store-file', '/nowhere'], /--store-file \/nowhere can't be read: ENOENT/],
  ['an empty file', ['--store-file', '/dev/null'], /takes a file with one line/],
] as const) {
  test(`${what} to take the store from`, async (t) => {
    const command = run(t, ['prove', ...flags])
    t.is(await command.exited, 2)
    t.regex(command.output.stderr, line)
  })
}

/** A store with a password, which it writes into its log and its own events. */
function storeModule(directory: string): string {
  const file = path.join(directory, 'store.ts')
  const sessions = JSON.stringify(import.meta.resolve('@ninelives/sessions'))
  writeFileSync(
    file,
    `import { openStore } from ${sessions}
console.log(JSON.stringify({ level: 40, event: 'connected', to: 'redis://u:${SECRET}@h' }))
export default () => openStore('memory:')
`,
  )
  return file
}

for (const [how, ...given] of [['NINELIVES_STORE'], ['--store-file', 'FILE']] as const) {
  test.serial(`a store by ${how} is on no command line, and its password in no output and no trace`, async (t) => {
    const directory = scratch(t)
    const url = `${storeModule(directory)}?token=redis://u:${SECRET}@h`
    const file = path.join(directory, 'url')
    writeFileSync(file, `${url}\n`)
    const logs = path.join(directory, 'deep', 'run')
    const args = ['up', ...anyPorts, '--users', '0', '--nodes', '1', '--logs', logs]
    const flags = given.length === 0 ? [] : [how, file]
    const command = run(t, [...args, ...flags], given.length === 0 ? { NINELIVES_STORE: url } : {})
    await ready(command, logs)
    const lines = execFileSync('ps', ['-o', 'args=', '-ww', '-p', family(command.pid).join(',')], { encoding: 'utf8' })
    t.regex(lines, /node\/src\/main\.ts/)
    t.notRegex(lines, new RegExp(SECRET))
    command.process.kill('SIGINT')
    t.is(await command.exited, 0)
    t.notRegex(command.output.stdout + command.output.stderr, new RegExp(SECRET))
    const trace = readFileSync(path.join(logs, 'trace.ndjson'), 'utf8')
    t.true(trace.includes('redis://u:***@h'), 'it is the store that was asked for')
    t.notRegex(trace, new RegExp(SECRET))
    t.is(statSync(logs).mode & 0o777, 0o700)
    t.is(statSync(path.dirname(logs)).mode & 0o777, 0o700)
    const files = readdirSync(logs)
    t.true(files.includes('trace.ndjson') && files.includes('node-a.log') && files.includes('lab.pid'))
    for (const each of files) t.is(statSync(path.join(logs, each)).mode & 0o777, 0o600, each)
  })
}
