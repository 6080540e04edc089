/**
 * What the live page costs the lab, and whether it holds sixty frames a second, in a real browser beside a real cluster.
 *
 *     npm run bench:page -- [--users 1000] [--rate 300] [--turns 6] [--seconds 10]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { flagsHelp, parseFlags, strategies } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag } from '../harness/command/flags.ts'
import { aligned } from '../harness/command/table.ts'
import { machineLine } from '../harness/environment.ts'
import { type LabUnderTest, withLab } from '../harness/lab-under-test.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { median } from '../harness/statistics.ts'
import { type Frames, openBrowser, type PageBrowser } from './browser.ts'

const NODES = 3
/** After the page was opened or closed, until its start is over. */
const SETTLE_MS = 3_000

const FLAGS = {
  strategies: namesFlag(
    strategies.map(({ name }) => name),
    'these strategies (default replicated)',
  ),
  users: countFlag('virtual users (default 1000)', 1_000, 10_000),
  rate: countFlag('their operations a second (default 300)', 300, 5_000),
  turns: countFlag('how often each is measured, with the page and without (default 6)', 6, 100),
  seconds: countFlag('how long each turn takes (default 10)', 10, 600),
}

const HELP = `npm run bench:page -- [flags]

What the live page costs the lab: its CPU time with the page open and without, in turn, ${NODES} nodes. Beside it stand the frames of the page
by requestAnimationFrame, and how busy the page's main thread was. Chromium draws without a graphics card, on the same cores as the cluster.

${flagsHelp(FLAGS)}`

interface Turn {
  readonly withoutMsPerSecond: number
  readonly withMsPerSecond: number
  readonly frames: Frames
  readonly othersShare: number | undefined
}

benchMain(async (args) => {
  const values = parseFlags('npm run bench:page', FLAGS, args)
  if (values === 'help') return say(HELP)
  const { users, rate, turns, seconds } = values
  const browser = await openBrowser()
  try {
    for (const strategy of values.strategies ?? ['replicated']) {
      const all: Turn[] = []
      const measure = async (lab: LabUnderTest): Promise<void> => {
        await browser.seesUsers(lab.controlUrl, users)
        for (let turn = 1; turn <= turns; turn++) {
          progress(`${strategy}: turn ${turn} of ${turns}`)
          all.push(await measured(lab, browser, seconds * 1_000))
        }
      }
      await withLab(strategy, NODES, measure, { users, rate })
      say(`${strategy}, ${users} users, ${rate} operations a second; ${machineLine()}`)
      say(table(all))
    }
  } finally {
    await browser.close()
  }
})

async function measured(lab: LabUnderTest, browser: PageBrowser, ms: number): Promise<Turn> {
  const others = watchOthers()
  const pid = lab.processes.find(({ name }) => name === 'lab')?.pid ?? NaN
  await sleep(SETTLE_MS)
  const withoutMsPerSecond = await cpuOf(pid, () => sleep(ms))
  const page = await browser.open(lab.controlUrl)
  await sleep(SETTLE_MS)
  let frames: Frames | undefined
  const withMsPerSecond = await cpuOf(pid, async () => (frames = await page.frames(ms)))
  await page.close()
  if (frames === undefined) throw new Error('the page has drawn no frames')
  return { withoutMsPerSecond, withMsPerSecond, frames, othersShare: others() }
}

async function cpuOf(pid: number, act: () => Promise<unknown>): Promise<number> {
  const [beganMs, before] = [performance.now(), cpuMicrosOf([pid])]
  await act()
  return (cpuMicrosOf([pid]) - before) / (performance.now() - beganMs)
}

function table(turns: readonly Turn[]): string {
  const rows = [...turns.map((turn, index) => rowOf(String(index + 1), turn)), medianRow(turns)]
  return aligned([HEAD, ...rows], HEAD.length)
}

const HEAD = [
  'turn',
  'lab without, ms/s',
  'with, ms/s',
  'the page costs',
  'frames/s',
  'p99, ms',
  'longest, ms',
  'main thread busy',
  'others had',
]

function rowOf(name: string, { withoutMsPerSecond, withMsPerSecond, frames, othersShare }: Turn): string[] {
  return [
    name,
    withoutMsPerSecond.toFixed(1),
    withMsPerSecond.toFixed(1),
    percent((withMsPerSecond - withoutMsPerSecond) / 1_000),
    frames.perSecond.toFixed(1),
    frames.p99Ms.toFixed(1),
    frames.longestMs.toFixed(0),
    percent(frames.busyShare),
    othersShare === undefined ? '' : percent(othersShare),
  ]
}

function medianRow(turns: readonly Turn[]): string[] {
  const of = (figure: (turn: Turn) => number): number => median(turns.map(figure))
  return rowOf('median', {
    withoutMsPerSecond: of((turn) => turn.withoutMsPerSecond),
    withMsPerSecond: of((turn) => turn.withMsPerSecond),
    frames: {
      perSecond: of(({ frames }) => frames.perSecond),
      p99Ms: of(({ frames }) => frames.p99Ms),
      longestMs: of(({ frames }) => frames.longestMs),
      busyShare: of(({ frames }) => frames.busyShare),
    },
    othersShare: of(({ othersShare }) => othersShare ?? 0),
  })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
