/**
 * Every block of TypeScript or JavaScript in a README compiles under strict TypeScript, and runs.
 *
 * A block may be a fragment, or need a browser that asks its application. What it takes besides stands in a frame: a file of
 * `test/readme/` whose first line names the README and a text of the block, and in which `{{block}}` is the block. A frame
 * asserts what the block is there to show. One that says `needs redis-server` is skipped where there is none. Every block has one; one that needs nothing is whole. A server's URL in a block is
 * replaced by `memory:`, and express-session, which is not installed, by a stand-in with its types.
 */
import { execFile } from 'node:child_process'
import { cp, glob, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { redisMissing } from '../packages/sessions/test/support/redis/server.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const framesPath = join(root, 'test/readme')
const READMES = [
  'README.md',
  'packages/*/README.md',
  'examples/**/README.md',
  'bench/README.md',
  'docs/{stores,how-to,explanation}/*.md',
]
const BLOCK = /^```(?:ts|js|typescript|javascript|mjs)\b[^\n]*\n([\s\S]*?)^```$/gm
const FRAME = /^\/\/ completes (\S+): (.*)\n/
const PLACE = '{{block}}'
const AVA_TIMEOUT_MS = 60_000

// What the blocks find in their environment.
process.env['SESSION_KEY'] = 'a key of thirty-two characters, 1'

interface Block {
  readonly readme: string
  readonly text: string
}

interface Frame extends Block {
  readonly name: string
  /** Of the block's text. */
  readonly part: string
}

async function blocksOfAll(): Promise<Block[]> {
  const blocks: Block[] = []
  for await (const readme of glob(READMES, { cwd: root, exclude: (name) => name.includes('node_modules') })) {
    const markdown = await readFile(join(root, readme), 'utf8')
    for (const [, text = ''] of markdown.matchAll(BLOCK)) blocks.push({ readme, text })
  }
  return blocks
}

async function allFrames(): Promise<Frame[]> {
  const names = (await readdir(framesPath)).filter((name) => name.endsWith('.frame'))
  return await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(framesPath, name), 'utf8')
      const [, readme = '', part = ''] = FRAME.exec(text) ?? []
      return { name, readme, part, text }
    }),
  )
}

const NEEDS_REDIS = /^\/\/ needs redis-server$/m
const frames = await allFrames()
const blocks = await blocksOfAll()
const directory = join(root, `.ninelives/readme-${process.pid}`)

function isFor(frame: Frame, block: Block): boolean {
  return block.readme === frame.readme && block.text.includes(frame.part)
}

test.before('puts each block into its frame', async (t) => {
  await mkdir(directory, { recursive: true })
  await cp(join(framesPath, 'visitor.ts'), join(directory, 'visitor.ts'))
  await cp(join(framesPath, 'express-session'), join(directory, 'node_modules/express-session'), { recursive: true })
  const options = { incremental: false, noPropertyAccessFromIndexSignature: false, noUnusedLocals: false }
  const tsconfig = { extends: '../../tsconfig.json', compilerOptions: options, include: ['*.ts'] }
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(tsconfig))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
  await writeFile(join(directory, 'ava.config.js'), "export default { extensions: ['ts'] }\n")
  for (const frame of frames) {
    const text = blocks.find((block) => isFor(frame, block))?.text ?? ''
    const source = frame.text.replace(PLACE, () => text.replaceAll('redis://127.0.0.1:6379', 'memory:'))
    await writeFile(join(directory, frame.name.replace(/frame$/, 'ts')), source)
  }
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

for (const { name, text } of frames) {
  const file = join(directory, name.replace(/frame$/, 'ts'))
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
