/**
 * How late requests are while a store deletes 100,000 sessions that have expired at once, beside requests to the same store in which none
 * has expired: `npm run bench:expiry`.
 *
 * Each round fills a new store, measures it while nothing is due, lets everything expire, measures until nothing is left, and then for a
 * while again. The requests of before and after are the control: they tell what the machine alone does to the longest of them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { flagsHelp, parseFlags, switchFlag, UsageError } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag, outDirectory, outFlag } from '../harness/command/flags.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { environment } from '../harness/environment.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { EXPIRY_SCHEMA, type ExpiryResult, type ExpiryRound, type Lateness } from './result.ts'
import { requestsTo } from './requests.ts'
import { EXPIRING, type ExpiringStore, type Filled } from './stores.ts'
import { expiryTable, withExpiry } from './table.ts'

const COMMAND = 'npm run bench:expiry'
const SESSIONS = 100_000
const ROUNDS = 3
const CONTROL_SECONDS = 20
/** A store that takes longer is reported as not done. */
const PURGE_MAX_MS = 300_000
const LOOK_EVERY_MS = 100

const RESULT = fileURLToPath(new URL('../results/expiry.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/stores/database.md', import.meta.url))

const FLAGS = {
  stores: namesFlag(
    EXPIRING.map(({ name }) => name),
    `these stores: ${EXPIRING.map(({ name }) => name).join(', ')} (default all that this machine has)`,
  ),
  sessions: countFlag(`how many expire at once (default ${SESSIONS.toLocaleString('en-US')})`, SESSIONS),
  rounds: countFlag(`rounds of each store (default ${ROUNDS})`, ROUNDS, 100),
  seconds: countFlag(
    `how long each is measured without expiry, before and after (default ${CONTROL_SECONDS})`,
    CONTROL_SECONDS,
    600,
  ),
  out: outFlag,
  keep: switchFlag('puts the result into bench/results and the table into docs/stores/database.md'),
  table: switchFlag('measures nothing, and puts the table of the kept result into docs/stores/database.md'),
}

const HELP = `${COMMAND} -- [flags]

How late requests are while a store deletes ${SESSIONS.toLocaleString('en-US')} sessions that expire at once, and without. A store that needs a
server gets a private one from the PATH.

${flagsHelp(FLAGS)}`

benchMain(async (args) => {
  const values = parseFlags(COMMAND, FLAGS, args)
  if (values === 'help') return say(HELP)
  if (values.table) return tell(kept())
  const out = outDirectory(values.out, new Date())
  makeOut(out)
  const { sessions, rounds: count, seconds } = values
  const plan = { sessions, rounds: count, controlSeconds: seconds }
  const roundsOf = new Map<string, ExpiryRound[]>()
  const begun: Omit<ExpiryResult, 'stores'> = {
    schema: EXPIRY_SCHEMA,
    bench: 'expiry',
    startedAt: new Date().toISOString(),
    environment: environment(undefined, {}),
    plan,
  }
  const chosen = present(values.stores)
  const sofar = (): ExpiryResult => ({
    ...begun,
    stores: chosen.map(({ name, title }) => ({ name, title, rounds: roundsOf.get(name) ?? [] })).filter(isMeasured),
  })
  for (let round = 1; round <= count; round++) {
    for (const store of chosen) {
      const measured = await measuredRound(store, plan, `${store.name}, round ${round} of ${count}`)
      roundsOf.set(store.name, [...(roundsOf.get(store.name) ?? []), measured])
      writeFileSync(join(out, 'result.json'), `${JSON.stringify(sofar(), undefined, 2)}\n`)
    }
  }
  const result = sofar()
  progress('done')
  say(`\n${expiryTable(result)}\nWritten to ${join(out, 'result.json')}`)
  if (!values.keep) return
  writeFileSync(RESULT, `${JSON.stringify(result, undefined, 2)}\n`)
  tell(result)
})

/** Those that can be measured on this machine; what was asked for by name and can't be is an error. */
function present(asked: readonly string[] | undefined): readonly ExpiringStore[] {
  const chosen = EXPIRING.filter(({ name }) => asked?.includes(name) ?? true)
  for (const { name, missing } of chosen) {
    if (missing === undefined) continue
    if (asked !== undefined) throw new UsageError(`${name} can't be measured: ${missing}`)
    progress(`${name} is left out: ${missing}`)
  }
  return chosen.filter(({ missing }) => missing === undefined)
}

async function measuredRound(
  store: ExpiringStore,
  { sessions, controlSeconds }: ExpiryResult['plan'],
  title: string,
): Promise<ExpiryRound> {
  progress(`${title}: writing ${sessions.toLocaleString('en-US')} sessions`)
  const filled = await store.filled({
    sessions,
    controlMs: controlSeconds * 1_000,
    onProgress: (written) => progress(`${title}: ${written.toLocaleString('en-US')} sessions are written`),
  })
  try {
    const others = watchOthers()
    progress(`${title}: ${controlSeconds} s while none is due`)
    const before = await lateness(filled, () => sleep(controlSeconds * 1_000, true))
    await filled.expire()
    progress(`${title}: all are due`)
    const beganMs = performance.now()
    const beside = await lateness(filled, async () => {
      const giveUpAtMs = beganMs + PURGE_MAX_MS
      while ((await filled.left(1)) > 0 && performance.now() < giveUpAtMs) await sleep(LOOK_EVERY_MS)
    })
    const purgeMs = performance.now() - beganMs
    const left = await filled.left(sessions)
    progress(`${title}: ${controlSeconds} s after ${(purgeMs / 1_000).toFixed(1)} s of deletions`)
    const after = await lateness(filled, () => sleep(controlSeconds * 1_000))
    return { purgeMs, left, beside, control: [before, after], othersShare: others() }
  } finally {
    await filled.close()
  }
}

function isMeasured({ rounds }: ExpiryResult['stores'][number]): boolean {
  return rounds.length > 0
}

/** Of the requests as long as `during` takes. */
async function lateness(filled: Filled, during: () => Promise<unknown>): Promise<Lateness> {
  const requests = requestsTo(filled.store())
  try {
    await during()
  } finally {
    await requests.end()
  }
  return requests.lateness()
}

function kept(): ExpiryResult {
  if (!existsSync(RESULT)) throw new UsageError(`there is no result at ${RESULT}: --keep puts one there`)
  return JSON.parse(readFileSync(RESULT, 'utf8')) as ExpiryResult
}

function tell(result: ExpiryResult): void {
  writeFileSync(PAGE, withExpiry(readFileSync(PAGE, 'utf8'), result))
  say('The table of docs/stores/database.md is up to date')
}
