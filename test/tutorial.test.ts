/** The tutorial's blocks as they stand, on free ports, with the workspace's packages in place of the tarballs. */
import { execFile } from 'node:child_process'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge, type Verdict } from '@ninelives/history'
import { httpGet } from '../packages/lab/src/http-get.ts'
import { freePorts } from '../packages/lab/src/supervise/ports.ts'
import { until } from '../packages/lab/src/wait.ts'
import { scratch } from '../packages/lab/test/fixtures/open-lab.ts'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('../', import.meta.url))
const RUN_MS = 180_000

const blocks = [...(await readFile(join(root, 'docs/tutorial.md'), 'utf8')).matchAll(/^```(?:js|sh)\n([\s\S]*?)^```/gm)]
// The first three get the packages, and a Node where there is none.
const [, , , shop = '', node = '', start = '', prove = '', onSqlite = '', proveTabs = '', update = '', stop = ''] =
  blocks.map(([, code = '']) => code)

test.serial(
  'the tutorial: in memory sessions are lost, in one file they are not, and with two tabs only update loses nothing',
  async (t) => {
    t.timeout(8 * RUN_MS)
    const reader = await folder(t)
    await reader.run(start)
    const inMemory = await reader.prove(prove)
    t.true(inMemory.sessions.lost > 0)
    t.is(inMemory.verdict, 'invalid')

    await reader.run(onSqlite)
    nothingLost(t, await reader.prove(prove))
    const twoTabs = await reader.prove(proveTabs)
    t.deepEqual([...new Set(twoTabs.anomalies.map(({ kind }) => kind))], ['lost-update'])

    const routes = /^ {2}'POST \/api\/(?:cart|counter)': .*\n(?: {4}.*\n)* {2}\},\n/gm
    t.is(shop.match(routes)?.length, 2)
    await reader.write(
      'shop.mjs',
      shop.replaceAll(routes, '').replace('const answers = {\n', `const answers = {\n${update}`),
    )
    await reader.run(onSqlite)
    nothingLost(t, await reader.prove(proveTabs))
    await reader.run(stop)
  },
)

/** A fault in one of the runs may be late on a busy machine, which is a doubt; a loss is none. */
function nothingLost(t: ExecutionContext, { anomalies, sessions, writes, verdict }: Verdict): void {
  t.deepEqual(anomalies, [])
  t.deepEqual([sessions.lost, writes.lost], [0, 0])
  t.true(writes.acknowledged > 50)
  t.not(verdict, 'invalid')
}

interface Folder {
  /** Runs a block as the reader's shell would. */
  run(block: string): Promise<void>
  /** Runs a block that calls `prove`. */
  prove(block: string): Promise<Verdict>
  write(file: string, text: string): Promise<void>
}

async function folder(t: ExecutionContext): Promise<Folder> {
  const directory = scratch(t)
  const free = await freePorts(4)
  const ports = Object.fromEntries(free.map((port, index) => [8_080 + index, port]))
  const here = (text: string): string =>
    text
      .replaceAll(/\b808[0-3]\b/g, (port) => String(ports[port]))
      .replaceAll(
        'node_modules/.bin/ninelives-balancer',
        `PORT=${ports[8_080]} node ${root}packages/balancer/src/main.ts`,
      )
      .replaceAll('npx ninelives', `node ${root}packages/lab/src/cli.ts`)
  const write = (file: string, text: string): Promise<void> => writeFile(join(directory, file), here(text))
  await write('package.json', '{}')
  await write('shop.mjs', shop)
  await write('node.sh', node)
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'))
  t.teardown(() => execute('sh', ['-c', 'kill -9 $(cat *.pid) 2>/dev/null || true'], { cwd: directory }))

  const env = { PATH: `${root}node_modules/.bin:${process.env['PATH']}` }
  const shell = async (block: string): Promise<number> => {
    const { code } = await execute('sh', ['-c', here(block)], { cwd: directory, env }).then(
      () => ({ code: 0 }),
      (error: { code: number }) => error,
    )
    return code
  }
  let runs = 0
  return {
    write,
    async run(block) {
      t.is(await shell(block), 0)
      for (const port of block === stop ? [] : Object.values(ports))
        await until(() => isUp(port), { deadlineMs: 60_000, what: `port ${port} to answer` })
    },
    async prove(block) {
      const logs = `proof-${++runs}`
      await shell(`${block.trimEnd()} --logs ${logs}`)
      const { events, problem } = decodeTrace(await readFile(join(directory, logs, 'trace.ndjson'), 'utf8'))
      return judge(events, problem)
    },
  }
}

async function isUp(port: number): Promise<boolean> {
  return (await httpGet(`http://127.0.0.1:${port}/healthz`, { timeoutMs: 5_000 }))?.status === 200
}
