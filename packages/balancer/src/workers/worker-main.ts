/** A worker's process. Its parent decides about upstreams and settings. */
import type { Socket } from 'node:net'
import { readConfig } from '../config/config.ts'
import type { Config } from '../config/config.ts'
import { ConnectionMarks, MARKS_DESCRIPTOR } from './connection-marks.ts'
import type { FromWorker, Question, ToWorker } from './fleet-messages.ts'
import type { Update } from '../upstreams/followers.ts'
import { HandedConnections } from './handed-connections.ts'
import type { HandedConnectionsOptions } from './handed-connections.ts'
import { localViews } from '../admin/local-operations.ts'
import { logger } from '../telemetry/log.ts'
import { serving } from '../serving.ts'
import type { Serving } from '../serving.ts'

const EXIT_FAILED = 1

let running: Serving | undefined
let connections: HandedConnections | undefined
let settingsNumber = -1

// A terminal sends its signals to the whole group; the process that started this one decides what they mean.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => 'left to the one that started this')
process.on('disconnect', () => process.exit(EXIT_FAILED))
process.on('message', (message: ToWorker, socket?: Socket) => void heard(message, socket))

async function heard(message: ToWorker, socket: Socket | undefined): Promise<void> {
  switch (message.type) {
    case 'start':
      return start(message.update)
    case 'ask':
      return answer(message.id, message.question)
    case 'connection':
      return connections?.take(message.slot, message.entrance, socket)
    case 'suspect': {
      const upstream = running?.upstreams.upstreams.find(({ url }) => url === message.url)
      if (upstream !== undefined) running?.upstreams.suspect(upstream)
      return
    }
    case 'stop':
      await running?.close()
      process.exit(0)
  }
}

/** Has no await before the first update is in effect, so that later updates find it applied. */
async function start(update: Update): Promise<void> {
  try {
    const config = readConfig(update.settings.environment)
    const log = logger(config, { process: 'balancer', pid: process.pid })
    const started = serving(config, log, (url, since) => tell({ type: 'departed', url, since }))
    running = started
    settingsNumber = update.settings.number
    await started.membership.apply(update.snapshot)
    await started.upstreams.open()
    started.upstreams.onChange((upstream, to) => {
      if (to === 'down') tell({ type: 'ejected', url: upstream.url })
    })
    connections = handedConnections(config, started, await started.clients.receive())
    tell({ type: 'ready' })
  } catch (error) {
    const { code = 'FAILED', message } = error as NodeJS.ErrnoException
    tell({ type: 'failed', code, message }, () => process.exit(EXIT_FAILED))
  }
}

function handedConnections(
  config: Config,
  { clients, metrics }: Serving,
  accept: HandedConnectionsOptions['accept'],
): HandedConnections {
  const handed = new HandedConnections({
    accept,
    marks: new ConnectionMarks(MARKS_DESCRIPTOR),
    isBound: config.proxyProtocol || config.tls !== undefined,
    connectionsMax: () => clients.server.maxConnections,
    refused: () => metrics.refusedConnection('total'),
    report: (took, closed) => tell({ type: 'connections', took, closed }),
  })
  handed.watch(clients.server)
  return handed
}

async function answer(id: number, question: Question): Promise<void> {
  try {
    tell({ type: 'answer', id, value: await valueOf(question) })
  } catch (error) {
    tell({ type: 'answer', id, fault: error instanceof Error ? error.message : String(error) })
  }
}

async function valueOf(question: Question): Promise<unknown> {
  if (running === undefined) throw new Error('not started yet')
  const views = localViews(running)
  switch (question.what) {
    case 'upstreams':
      return views.upstreams()
    case 'metrics':
      return views.metrics()
    case 'decisions':
      return views.decisions(question.limit, question.kind)
    case 'apply':
      return apply(running, question.update)
  }
}

/** Everything that needs no await is in effect when this returns. */
async function apply(serving: Serving, { settings, snapshot }: Update): Promise<void> {
  const isNew = settings.number !== settingsNumber
  settingsNumber = settings.number
  if (isNew) serving.configure(readConfig(settings.environment))
  const applied = serving.membership.apply(snapshot)
  // The parent read the files before it sent this. If they have changed since, the certificate in use stays, and the log says so.
  if (isNew)
    await serving.clients
      .prepareCertificate()
      .then((use) => use())
      .catch(() => 'logged')
  await applied
}

function tell(message: FromWorker, told: () => void = () => {}): void {
  process.send?.(message, told)
}
