/**
 * Every block of TypeScript or JavaScript in a README compiles under strict TypeScript, and runs in its frame.
 */
import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { redisMissing } from '../packages/sessions/test/support/redis/server.ts'
import { blocks, ENVIRONMENT, fileOf, frames, isFor, NEEDS_REDIS, writeFrames } from './support/readme-blocks.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const AVA_TIMEOUT_MS = 60_000
const directory = join(root, `.ninelives/readme-${process.pid}`)

Object.assign(process.env, ENVIRONMENT)

test.before('puts each block into its frame', async (t) => {
  await writeFrames(directory)
  const options = { incremental: false, noPropertyAccessFromIndexSignature: false, noUnusedLocals: false }
  const tsconfig = { extends: '../../tsconfig.json', compilerOptions: options, include: ['*.ts'] }
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(tsconfig))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
  t.pass()
})

test.after.always(() => rm(directory, { recursive: true, force: true }))

test('every block has one frame, and every frame one block', (t) => {
  t.true(blocks.length >= 10)
  for (const block of blocks) {
    const its = frames.filter((frame) => isFor(frame, block))
    t.is(its.length, 1, `${block.readme} has a block with ${its.length} frames in test/readme:\n${block.text}`)
  }
  for (const frame of frames) t.is(blocks.filter((block) => isFor(frame, block)).length, 1, frame.name)
})

test('the blocks compile under strict TypeScript', async (t) => {
  const tsc = run(join(root, 'node_modules/.bin/tsc'), ['-p', directory]).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
  t.is(await tsc, '')
})

for (const frame of frames) {
  const { name, text } = frame
  const file = join(directory, fileOf(frame))
  if (redisMissing !== undefined && NEEDS_REDIS.test(text)) {
    test.skip(`the block in ${name}: ${redisMissing}`, () => {})
  } else if (file.endsWith('.test.ts')) {
    test(`the block in ${name} is a test that passes`, async (t) => {
      const ava = run(join(root, 'node_modules/.bin/ava'), [file], { cwd: directory, timeout: AVA_TIMEOUT_MS })
      await t.notThrowsAsync(ava)
    })
  } else {
    test(`the block in ${name} runs, and does what it is there to show`, async (t) => {
      await t.notThrowsAsync(import(file))
    })
  }
}
