/**
 * What an idle cluster costs, what one more request adds, and what follows for a rate: `npm run bench:cost`. METHOD.md
 * explains the method. Each turn is kept as it ends, so an interrupted run can be resumed.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { flagsHelp, parseFlags, seededRandom, strategies, switchFlag, textFlag, UsageError } from '@ninelives/lab'
import { type Contestant, contestantOf } from '../harness/cluster-under-test.ts'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag, outDirectory, outFlag, seedFlag } from '../harness/command/flags.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { environment } from '../harness/environment.ts'
import { installPeers, packageVersions } from '../harness/peers.ts'
import { shuffled } from '../harness/statistics.ts'
import { peers } from '../peers/cluster/index.ts'
import { COST_SCHEMA, type CostContestant, type CostPlan, type CostResult } from './result.ts'
import { costTable, withCost } from './table.ts'
import { ENGLISH, KOREAN } from './words.ts'
import { costTurn } from './turn.ts'

const FULL: CostPlan = {
  blocks: 6,
  nodes: 3,
  rates: [30, 100, 300, 600],
  // Five thousand of each kind a node: after eight hundred its code is still being compiled.
  warmUpRate: 1_000,
  warmUpSeconds: 30,
  // V8 collects garbage once more some eight seconds after a load.
  settleSeconds: 15,
  idleSeconds: 10,
  seconds: 5,
}
const QUICK: CostPlan = { ...FULL, blocks: 1, warmUpSeconds: 10, settleSeconds: 10, idleSeconds: 4, seconds: 3 }
/** With its sessions in each node's map and requests in turns, half of the answers are "log in". */
const NOT_MEASURED = 'memory'
const CONTESTANTS: readonly Contestant[] = [
  ...strategies.filter(({ name }) => name !== NOT_MEASURED).map((strategy) => contestantOf(strategy)),
  ...peers(),
]
const PEERS: ReadonlySet<string> = new Set([
  'haproxy-plain',
  'nginx-plain',
  'http-proxy-plain',
  'koa-session',
  'express-session',
  'fastify-session',
])
const QUICK_NAMES = ['replicated', 'redis', 'haproxy-plain']

const RESULT = fileURLToPath(new URL('../results/cost.json', import.meta.url))
const PAGES = [
  ['docs/explanation/costs.md', ENGLISH],
  ['docs/ko/explanation/costs.md', KOREAN],
] as const
const COMMAND = 'npm run bench:cost'
/** Of the environment, what a resumed run must not change. */
const SAME = {
  commit: 'commit',
  changed: 'state of the working tree',
  node: 'version of Node',
  system: 'system',
  processor: 'processor',
  cores: 'number of cores',
} as const

const FLAGS = {
  strategies: namesFlag(
    CONTESTANTS.map(({ name }) => name),
    'these strategies and peers',
  ),
  blocks: countFlag(`turns of each (default ${FULL.blocks})`, undefined),
  quick: switchFlag(`${QUICK_NAMES.join(', ')}, one short turn each`),
  seed: seedFlag,
  out: outFlag,
  resume: textFlag('a directory', {
    placeholder: 'DIR',
    help: 'goes on with the run whose result is there',
    otherwise: undefined,
  }),
  keep: switchFlag('puts the result into bench/results and the tables into docs/explanation/costs.md'),
  table: switchFlag('measures nothing, and puts the tables of the kept result into docs/explanation/costs.md'),
}

let left: string | undefined

benchMain(main, { left: () => left })

async function main(args: readonly string[]): Promise<void> {
  const values = parseFlags(COMMAND, FLAGS, args)
  if (values === 'help') {
    const about = `What an idle cluster costs, what one more request adds, and what follows for a rate. bench/METHOD.md explains how.`
    return say(`${COMMAND} -- [options]\n\n${about}\n\n${flagsHelp(FLAGS)}`)
  }
  if (values.table) return tell(read(RESULT))
  const out = outDirectory(values.resume ?? values.out, new Date())
  makeOut(out)
  const file = join(out, 'result.json')
  let result = values.resume === undefined ? await begun(values) : resumed(file)
  for await (result of measured(result)) {
    writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`)
    left = `--resume ${out} goes on`
  }
  progress('done')
  say(`\n${costTable(result)}\nWritten to ${file}`)
  if (!values.keep) return
  writeFileSync(RESULT, `${JSON.stringify(result, undefined, 2)}\n`)
  tell(result)
}

function tell(result: CostResult): void {
  for (const [path, words] of PAGES) {
    const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
    writeFileSync(file, withCost(readFileSync(file, 'utf8'), result, words))
  }
  say('The tables of docs/explanation/costs.md are up to date')
}

function read(path: string): CostResult {
  if (!existsSync(path)) throw new UsageError(`there is no result at ${path}`)
  const result = JSON.parse(readFileSync(path, 'utf8')) as CostResult
  if (result.schema !== COST_SCHEMA || result.bench !== 'cost')
    throw new UsageError(`${path} is no result of ${COMMAND}`)
  return result
}

/** A result has one environment, and what was measured in another does not go into it. */
function resumed(path: string): CostResult {
  const result = read(path)
  const here = environment(undefined, {})
  const differs = Object.entries(SAME).find(
    ([what]) => here[what as keyof typeof SAME] !== result.environment[what as keyof typeof SAME],
  )
  if (differs === undefined) return result
  throw new UsageError(`the run of ${path} was begun with another ${differs[1]}: begin a new one`)
}

interface Asked {
  readonly strategies: readonly string[] | undefined
  readonly blocks: number | undefined
  readonly quick: boolean
  readonly seed: number
}

async function begun({ strategies: asked, blocks, quick, seed }: Asked): Promise<CostResult> {
  const plan = quick ? QUICK : FULL
  const usual = quick ? QUICK_NAMES : CONTESTANTS.filter(isUsual).map(({ name }) => name)
  const chosen = CONTESTANTS.filter(({ name }) => (asked ?? usual).includes(name))
  const absent = chosen.flatMap(({ name, missing }) => (missing === undefined ? [] : [[name, missing] as const]))
  for (const [name, missing] of absent) say(`${name} is left out: ${missing}`)
  const present = chosen.filter(({ missing }) => missing === undefined)
  return {
    schema: COST_SCHEMA,
    bench: 'cost',
    startedAt: new Date().toISOString(),
    environment: environment(undefined, packageVersions(present)),
    quick,
    plan: { ...plan, ...(blocks !== undefined && { blocks }) },
    seed,
    contestants: present.map(({ name, title, role }) => ({ name, title, role, turns: [] })),
    missing: Object.fromEntries(absent),
  }
}

function isUsual({ role, name }: Contestant): boolean {
  return role === 'strategy' || PEERS.has(name)
}

/** The result after each turn. */
async function* measured(from: CostResult): AsyncGenerator<CostResult> {
  const { plan, seed } = from
  const names = from.contestants.map(({ name }) => name)
  if (CONTESTANTS.some(({ name, installed }) => installed && names.includes(name))) await installPeers(say)
  const turnsOf = new Map<string, CostContestant['turns']>(from.contestants.map(({ name, turns }) => [name, turns]))
  let left = names.reduce((sum, name) => sum + plan.blocks - (turnsOf.get(name)?.length ?? 0), 0)
  yield from
  let turnMs: number | undefined
  for (let block = 0; block < plan.blocks; block++) {
    const random = seededRandom(seed + block)
    for (const name of shuffled(names, random)) {
      const turns = turnsOf.get(name) ?? []
      if (turns.length > block) continue
      const time = turnMs === undefined ? '' : `, ${Math.ceil((left * turnMs) / 60_000)} min to go`
      progress(`block ${block + 1} of ${plan.blocks}: ${name}${time}`)
      const contestant = CONTESTANTS.find((each) => each.name === name) as Contestant
      const beganMs = performance.now()
      turnsOf.set(name, [...turns, await costTurn(contestant, plan, random)])
      turnMs = performance.now() - beganMs
      left--
      yield { ...from, contestants: from.contestants.map((each) => ({ ...each, turns: turnsOf.get(each.name) ?? [] })) }
    }
  }
}
