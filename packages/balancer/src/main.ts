/** The balancer as a process: configuration from the environment, logs on stdout, signals, exit codes. */
import { pino } from 'pino'
import { balancer } from './balancer.ts'
import { ConfigError, readConfig } from './config.ts'
import type { Config } from './config.ts'
import { PortInUseError } from './listen.ts'

const EXIT_FAILED = 1
const EXIT_CONFIG = 2
const EXIT_PORT_IN_USE = 98

/** One line: whoever started this reads it from a terminal, or the lab from a pipe. */
function exit(error: unknown): never {
  process.stderr.write(`balancer: ${error instanceof Error ? error.message : String(error)}\n`)
  if (error instanceof ConfigError) process.exit(EXIT_CONFIG)
  process.exit(error instanceof PortInUseError ? EXIT_PORT_IN_USE : EXIT_FAILED)
}

function configuration(): Readonly<Config> {
  try {
    return readConfig(process.env)
  } catch (error) {
    exit(error)
  }
}

const config = configuration()
const log = pino({ level: config.logLevel, base: { process: 'balancer' } })
const running = balancer(config, log)
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
// A supervisor that died without a word leaves nobody to stop this process.
process.on('disconnect', () => process.exit(EXIT_FAILED))

try {
  const addresses = await running.open()
  log.info({ event: 'listening', ...addresses, upstreams: config.upstreams, routing: config.routing })
  process.send?.({ type: 'ready', ...addresses })
} catch (error) {
  exit(error)
}
