/** What is on a disk after a loss of power: what was synced, and perhaps a part of the write that was under way. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { makeDirectory } from '../../src/make-directory.ts'
import { Power, whyNoPower } from '../../src/power/power.ts'
import { scratch } from '../fixtures/open-lab.ts'

const searchPath = process.env['PATH'] ?? ''
const missing = whyNoPower(searchPath)
if (missing !== undefined && process.env['CI'] === 'true') throw new Error(missing)
const withPower = missing === undefined ? test : test.skip

/** `random`: of 1, the most of a torn write stays. */
function powered(t: ExecutionContext, random = 0): { readonly power: Power; readonly file: string } {
  const directory = scratch(t)
  makeDirectory(`${directory}/files`)
  const power = new Power({ files: `${directory}/files/`, directory, searchPath, random: () => random })
  return { power, file: `${directory}/files/data` }
}

/** Runs code on the file, which it has as \`file\`, until its last line; then the power is lost. Resolves with the undone writes. */
async function until(t: ExecutionContext, { power, file }: ReturnType<typeof powered>, code: string): Promise<number> {
  const whole = `const fs = require('node:fs'); const file = ${JSON.stringify(file)}; ${code}; console.log('done'); setInterval(() => 0, 1e6)`
  const child = spawn(process.execPath, ['-e', whole], { env: { ...process.env, ...power.environment }, stdio: 'pipe' })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (text) => (said += String(text)))
  const first = await Promise.race([once(child.stdout, 'data').then(String), once(child, 'exit').then(() => said)])
  t.is(first, 'done\n')
  return power.lose([child.pid ?? 0])
}

withPower('a write that was not synced is gone, one that was synced stays', async (t) => {
  const disk = powered(t)
  const code = `const fd = fs.openSync(file, 'w'); fs.writeSync(fd, 'kept '); fs.fsyncSync(fd); fs.writeSync(fd, 'lost')`
  t.is(await until(t, disk, code), 1)
  t.is(readFileSync(disk.file, 'utf8'), 'kept ')
})

withPower('without any sync nothing stays, and with fdatasync after each write all of it', async (t) => {
  const none = powered(t)
  await until(t, none, `fs.writeFileSync(file, 'a'); fs.appendFileSync(file, 'b')`)
  t.is(readFileSync(none.file, 'utf8'), '')
  const all = powered(t)
  t.is(
    await until(
      t,
      all,
      `const fd = fs.openSync(file, 'a'); for (const c of 'abc') { fs.writeSync(fd, c); fs.fdatasyncSync(fd) }`,
    ),
    0,
  )
  t.is(readFileSync(all.file, 'utf8'), 'abc')
})

withPower('what was overwritten, cut off or emptied is back', async (t) => {
  const synced = `let fd = fs.openSync(file, 'w'); fs.writeSync(fd, '0123456789'); fs.fsyncSync(fd)`
  for (const change of [
    `fs.writeSync(fd, 'xx', 3); fs.writeSync(fd, 'yyy', 4)`,
    `fs.ftruncateSync(fd, 4)`,
    `fs.ftruncateSync(fd, 4); fs.writeSync(fd, 'a longer text than before', 0)`,
    `fs.writeFileSync(file, 'new')`,
    `fs.writevSync(fd, [Buffer.from('a'), Buffer.from('b')], 0)`,
  ]) {
    const disk = powered(t)
    t.true((await until(t, disk, `${synced}; ${change}`)) > 0, change)
    t.is(readFileSync(disk.file, 'utf8'), '0123456789', change)
  }
})

withPower('another process that syncs the file syncs every write to it', async (t) => {
  const disk = powered(t)
  const other = `require('node:child_process').execFileSync(process.execPath, ['-e', "const fs = require('node:fs'); fs.fsyncSync(fs.openSync(process.argv[1]))", file])`
  t.is(await until(t, disk, `fs.writeFileSync(file, 'kept'); ${other}`), 0)
  t.is(readFileSync(disk.file, 'utf8'), 'kept')
})

withPower('a file that was renamed is put back where it is, and one that was removed is forgotten', async (t) => {
  const disk = powered(t)
  const code = `fs.writeFileSync(file + '.gone', 'x'); fs.rmSync(file + '.gone'); fs.writeFileSync(file + '.new', 'text'); fs.renameSync(file + '.new', file)`
  t.is(await until(t, disk, code), 1)
  t.is(readFileSync(disk.file, 'utf8'), '')
})

withPower('of the write that was under way some sectors stay', async (t) => {
  const disk = powered(t, 0.6)
  const code = `const fd = fs.openSync(file, 'w'); fs.writeSync(fd, 'k'.repeat(100)); fs.fsyncSync(fd); fs.writeSync(fd, 't'.repeat(2000)); fs.writeSync(fd, 'u')`
  t.is(await until(t, disk, code), 2)
  t.is(readFileSync(disk.file, 'utf8'), 'k'.repeat(100) + 't'.repeat(1_024))
})

withPower('what was written before the beginning counts as synced', async (t) => {
  const disk = powered(t)
  writeFileSync(disk.file, 'made by a start')
  renameSync(disk.file, `${disk.file}.kept`)
  disk.power.begin()
  await until(t, disk, `fs.appendFileSync(file + '.kept', ' and more')`)
  t.is(readFileSync(`${disk.file}.kept`, 'utf8'), 'made by a start')
})

test('where no writes can be recorded, the reason is told', (t) => {
  t.regex(whyNoPower('/nowhere') ?? '', process.platform === 'linux' ? /needs a C compiler on the PATH/ : /of Linux/)
})
