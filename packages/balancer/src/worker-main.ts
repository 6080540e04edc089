/** A worker's process. It hears from the one that started it what to do, and from nobody else. */
import { pino } from 'pino'
import { balancer } from './balancer.ts'
import type { Balancer } from './balancer.ts'
import { readConfig } from './config.ts'
import { faultOf } from './fleet-messages.ts'
import type { FromWorker, Question, ToWorker } from './fleet-messages.ts'
import { OperationError } from './membership.ts'

const EXIT_FAILED = 1

let running: Balancer | undefined

// A terminal sends its signals to the whole group; the process that started this one decides what they mean.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => 'left to the one that started this')
process.on('disconnect', () => process.exit(EXIT_FAILED))
process.on('message', (message: ToWorker) => void heard(message))

async function heard(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'start':
      return start(message)
    case 'ask':
      return answer(message.id, message.question)
    case 'suspect': {
      const upstream = running?.pool.upstreams.find(({ name }) => name === message.upstream)
      if (upstream !== undefined) running?.pool.suspect(upstream)
      return
    }
    case 'stop':
      await running?.close()
      process.exit(0)
  }
}

async function start({ environment, changes }: Extract<ToWorker, { type: 'start' }>): Promise<void> {
  try {
    const config = readConfig(environment)
    const started = balancer(config, pino({ level: config.logLevel, base: { process: 'balancer', pid: process.pid } }))
    running = started
    for (const change of changes) await started.operations.change(change).catch(unlessGone)
    const addresses = await started.open()
    started.pool.onChange((upstream, to) => {
      if (to === 'down') tell({ type: 'ejected', upstream: upstream.name })
    })
    tell({ type: 'ready', ...addresses })
  } catch (error) {
    const { code = 'FAILED', message } = error as NodeJS.ErrnoException
    tell({ type: 'failed', code, message }, () => process.exit(EXIT_FAILED))
  }
}

/** A change of an upstream that is no longer there asks for nothing. */
function unlessGone(error: unknown): void {
  if (!(error instanceof OperationError)) throw error
}

async function answer(id: number, question: Question): Promise<void> {
  try {
    tell({ type: 'answer', id, value: await valueOf(question) })
  } catch (error) {
    tell({ type: 'answer', id, fault: faultOf(error) })
  }
}

async function valueOf(question: Question): Promise<unknown> {
  if (running === undefined) throw new Error('not started yet')
  const { operations } = running
  switch (question.what) {
    case 'upstreams':
      return operations.upstreams()
    case 'metrics':
      return operations.metrics()
    case 'decisions':
      return operations.decisions(question.limit, question.kind)
    case 'change':
      return operations.change(question.change)
    case 'reconfigure':
      return running.reconfigure(readConfig(question.environment))
  }
}

function tell(message: FromWorker, told: () => void = () => {}): void {
  process.send?.(message, told)
}
