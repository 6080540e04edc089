/**
 * The blocks of TypeScript and JavaScript in READMEs and pages, each in its frame.
 *
 * A block may be a fragment, or need a browser that asks its application. What it takes besides stands in a frame: a file of
 * `test/readme/` whose first line names the page and a text of the block, and in which `{{block}}` is the block. A frame
 * asserts what the block is there to show. A server's URL in a block is replaced by `memory:`, and the port by a free one. A frame that
 * says `needs redis-server` is skipped where there is none.
 *
 * A block whose first line is the name of a file, as `// express.mjs`, is a program on a framework that is not installed here:
 * `test/packed.test.ts` runs it.
 */
import { cp, glob, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const framesPath = join(root, 'test/readme')
const READMES = [
  'README.md',
  'packages/*/README.md',
  'examples/**/README.md',
  'bench/README.md',
  'docs/{stores,how-to,explanation}/*.md',
]
const BLOCK = /^```(?:ts|js|typescript|javascript|mjs)\b[^\n]*\n([\s\S]*?)^```$/gm
const PROGRAM = /^\/\/ (\S+\.mjs)\n/
const FRAME = /^\/\/ completes (\S+): (.*)\n/
const PLACE = '{{block}}'
export const NEEDS_REDIS = /^\/\/ needs redis-server$/m

/** What the blocks find in their environment. */
export const ENVIRONMENT = { SESSION_KEY: 'a key of thirty-two characters, 1' }

export interface Block {
  readonly readme: string
  readonly text: string
}

export interface Frame extends Block {
  readonly name: string
  /** Of the block's text. */
  readonly part: string
}

async function allBlocks(): Promise<Block[]> {
  const found: Block[] = []
  for await (const readme of glob(READMES, { cwd: root, exclude: (name) => name.includes('node_modules') })) {
    const markdown = await readFile(join(root, readme), 'utf8')
    for (const [, text = ''] of markdown.matchAll(BLOCK)) found.push({ readme, text })
  }
  return found
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

const everyBlock = await allBlocks()
export const frames: readonly Frame[] = await allFrames()
export const blocks: readonly Block[] = everyBlock.filter(({ text }) => !PROGRAM.test(text))
export const programs: ReadonlyMap<string, string> = new Map(
  everyBlock.flatMap(({ text }) => {
    const [, name] = PROGRAM.exec(text) ?? []
    return name === undefined ? [] : [[name, text] as const]
  }),
)

export function isFor(frame: Frame, block: Block): boolean {
  return block.readme === frame.readme && block.text.includes(frame.part)
}

/** Without a server of its own. */
export function withMemory(text: string): string {
  return text.replaceAll('redis://127.0.0.1:6379', 'memory:')
}

/** Puts each block into its frame, below this directory. */
export async function writeFrames(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  await cp(join(framesPath, 'visitor.ts'), join(directory, 'visitor.ts'))
  await writeFile(join(directory, 'ava.config.js'), "export default { extensions: ['ts'] }\n")
  for (const frame of frames) {
    const text = blocks.find((block) => isFor(frame, block))?.text ?? ''
    const own = withMemory(text).replaceAll('app.listen(3000)', 'app.listen(0).unref()')
    await writeFile(
      join(directory, fileOf(frame)),
      frame.text.replace(PLACE, () => own),
    )
  }
}

export function fileOf({ name }: Frame): string {
  return name.replace(/frame$/, 'ts')
}
