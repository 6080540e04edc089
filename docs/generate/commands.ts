/** Every command, as its --help prints it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { page } from './markdown.ts'
import { ROOT } from './source.ts'

const run = promisify(execFile)
const CLI = 'packages/lab/src/cli.ts'

export async function commandsPage(): Promise<string> {
  const overview = await help(CLI)
  const names = [...overview.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name = '']) => name)
  const helps = await Promise.all(names.map((name) => help(CLI, name)))
  const balancer = await help('packages/balancer/src/main.ts')
  const sections = names.map((name, index) => section(`ninelives ${name}`, helps[index] ?? ''))
  return page(
    'Commands',
    "As `--help` prints them. In a clone, `npx ninelives` is the clone's own. [The lab](../../packages/lab/README.md) explains what the commands do, and [the exit codes](../../packages/lab/README.md#prove) are for scripts.",
    section('ninelives', overview),
    ...sections,
    section('The balancer', balancer),
  )
}

function section(title: string, help: string): string {
  return `## ${title}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``
}

async function help(program: string, ...args: readonly string[]): Promise<string> {
  // Without a terminal's width, and without settings of this machine that a help text could show.
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
  const { stdout } = await run(process.execPath, [join(ROOT, program), ...args, '--help'], { env })
  return stdout
}
