#!/usr/bin/env node
/** The balancer as a process: configuration from the environment, logs on stdout, signals, exit codes. */
import type { Logger } from 'pino'
import { balancer } from './balancer.ts'
import type { BalancerAddresses } from './balancer.ts'
import { commandLine, usage } from './config/command-line.ts'
import { ConfigError, readConfig } from './config/config.ts'
import type { Config } from './config/config.ts'
import { logger } from './telemetry/log.ts'
import { Fleet } from './workers/fleet.ts'

const EXIT_FAILED = 1
const EXIT_CONFIG = 2
const EXIT_PORT_IN_USE = 98

/** The running balancer, in one process or several. */
interface Running {
  open(): Promise<BalancerAddresses>
  reload(): Promise<void>
  close(): Promise<void>
}

/** A line for each fault: an operator reads it from a terminal, or the lab from a pipe. */
function exit(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error)
  for (const line of message.split('\n')) process.stderr.write(`balancer: ${line}\n`)
  if (error instanceof ConfigError) process.exit(EXIT_CONFIG)
  const { code } = error as NodeJS.ErrnoException
  process.exit(code === 'PORT_IN_USE' ? EXIT_PORT_IN_USE : EXIT_FAILED)
}

function configuration(): Readonly<Config> {
  const { help, overrides } = commandLine(process.argv.slice(2))
  if (help) {
    process.stdout.write(usage())
    process.exit(0)
  }
  return readConfig(process.env, overrides)
}

function configurationOrExit(): Readonly<Config> {
  try {
    return configuration()
  } catch (error) {
    exit(error)
  }
}

function runningOrExit(config: Config, log: Logger): Running {
  if (config.workers > 1) {
    try {
      return new Fleet(config, log, configuration)
    } catch (error) {
      exit(error)
    }
  }
  const single = balancer(config, log, configuration)
  return { open: () => single.open(), reload: () => single.operations.reload(), close: () => single.close() }
}

const config = configurationOrExit()
const log = logger(config, { process: 'balancer' })
const running = runningOrExit(config, log)
const supervised = process.send !== undefined
let stopping = false

async function stop(signal: string): Promise<void> {
  if (stopping) process.exit(EXIT_FAILED)
  stopping = true
  log.info({ event: 'draining', signal })
  await running.close()
  log.info({ event: 'stopped' })
  process.exit(0)
}

process.on('SIGTERM', (signal) => void stop(signal))
// A terminal sends Ctrl-C to the whole group. Under a supervisor it is the supervisor that decides.
process.on('SIGINT', (signal) => void (supervised || stop(signal)))
// The outcome is in the log.
process.on('SIGHUP', () => void running.reload().catch(() => 'the old one is kept'))
// Nothing else stops this process once its supervisor is dead.
process.on('disconnect', () => process.exit(EXIT_FAILED))

try {
  const addresses = await running.open()
  const { upstreams, services, routing, workers } = config
  log.info({ event: 'listening', ...addresses, upstreams, services, routing, workers })
  process.send?.({ type: 'ready', ...addresses })
} catch (error) {
  exit(error)
}
