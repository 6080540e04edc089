import { randomInt } from 'node:crypto'
import { type AttachOptions, openAttached } from '../attached/attached-lab.ts'
import { ownPrograms } from '../cluster/programs.ts'
import type { Config } from '../config.ts'
import { EXIT_INTERRUPTED, UsageError } from '../errors.ts'
import { newToken } from '../control/server.ts'
import { SEED_MAX } from '../random.ts'
import { makeRunDirectory, runName } from '../run-directory.ts'
import { LOOPBACK } from '../supervise/ports.ts'
import { painter } from '../terminal/paint.ts'
import { Story } from '../terminal/story.ts'
import { visible } from '../terminal/visible.ts'
import { attachFlags, shownStrategy } from './command/attach-flags.ts'
import { flagsHelp, type FlagValues, parseFlags } from './command/flags.ts'
import { stopSignal, whenStopped } from './command/stop-signal.ts'
import { say, sayError } from '../terminal/say.ts'

const attachHelp = `ninelives attach --nodes-url a=URL,b=URL [flags]

Serves the live page of a cluster that runs elsewhere, in containers for example, breaks its nodes
by signed orders at their lab ports, and sends virtual users. Takes LAB_SECRET or LAB_SECRET_FILE,
the same as the nodes have, and ADMIN_TOKEN, if the balancer's admin port wants one. At another
--control-host than loopback, the page and its API want a token: CONTROL_TOKEN, or a new one each
time, which the link in the first line has. Ctrl-C ends it; the cluster goes on.

${flagsHelp(attachFlags)}`

/** Resolves with the exit code. */
export async function attach(args: readonly string[], config: Config): Promise<number> {
  const flags = parseFlags('attach', attachFlags, args)
  if (flags === 'help') {
    say(attachHelp)
    return 0
  }
  const options = optionsOf(flags, config)
  const stop = stopSignal({ endsWithParent: config.endsWithParent, onSecond: () => process.exit(EXIT_INTERRUPTED) })
  const lab = await openAttached(options)
  const story = new Story(painter(process.stdout))
  lab.trace.listen((event, before) => {
    for (const line of story.tell(event, before)) say(`${line}\n`)
  })
  const { token } = options.control
  const link = token === undefined ? '' : `/#token=${token}`
  say(`The live page is on ${flags['page-url'] ?? lab.control.url}${link}. Waiting for the cluster ...\n`)
  try {
    await lab.start(stop)
  } catch (error) {
    await lab.stop('the cluster was not there')
    throw error
  }
  if (!stop.aborted) say(`The shop is on ${options.shopUrl}, and ${options.users} virtual users are in it.\n`)
  await whenStopped(stop)
  await lab.stop(String(stop.reason))
  return 0
}

function optionsOf(flags: FlagValues<typeof attachFlags>, config: Config): AttachOptions {
  const { labSecret: secret, adminToken, controlToken = newToken(), environment } = config
  const { target } = flags
  if (secret === undefined)
    throw new UsageError('attach needs LAB_SECRET or LAB_SECRET_FILE, the same as the nodes have')
  if (flags['nodes-url'].length === 0)
    throw new UsageError('attach needs --nodes-url, such as a=http://node-a:8080,b=http://node-b:8080')
  const run = runName(new Date(), process.pid)
  return {
    strategy: shownStrategy(flags.strategy),
    target,
    shopUrl: flags['shop-url'] ?? target.origin,
    nodes: flags['nodes-url'].map(({ name, url }) => {
      const lab = flags['lab-ports'].get(name) ?? { host: new URL(url).hostname, port: LAB_PORT }
      return { name, url, lab }
    }),
    secret,
    admin: flags['balancer-admin'] && { url: flags['balancer-admin'], token: adminToken },
    control: {
      host: flags['control-host'],
      port: flags['control-port'],
      token: LOOPBACKS.has(flags['control-host']) ? undefined : controlToken,
    },
    users: flags.users,
    rate: flags.rate,
    seed: flags.seed ?? randomInt(SEED_MAX),
    run,
    directory: makeRunDirectory(run, flags.logs),
    environment,
    programs: ownPrograms(),
    warn: (line) => sayError(`ninelives: ${visible(line)}\n`),
  }
}

const LOOPBACKS = new Set([LOOPBACK, '::1', 'localhost'])
/** A node's default. */
const LAB_PORT = 7_900
