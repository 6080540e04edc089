/** A node from start to end: store, shop and server. Signals and exit codes are in main.ts. */
import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionStore } from '@ninelives/sessions'
import type { Logger } from 'pino'
import { admin } from './admin.ts'
import { demoAccounts } from './shop/accounts.ts'
import type { Config } from './config.ts'
import type { CrashPoints } from './request/crash-points.ts'
import type { ProbeAnswer } from './probe-connections.ts'
import { openingStore } from './store/opened-store.ts'
import type { SeenVisitor } from './request/seen-visitors.ts'
import { listen } from './server.ts'
import { shop } from './shop.ts'
import { nodeTelemetry } from './store/telemetry.ts'

export interface RunningNode {
  readonly url: string
  /**
   * Reports `draining` at once, serves on until balancers have noticed, waits for requests in flight, and closes everything. Resolves
   * within the bounds of the configuration.
   */
  drain(): Promise<void>
}

/** What a lab that started this node wants of it. */
export interface LabHooks {
  readonly crashPoints?: CrashPoints | undefined
  /** Called when the number of sessions in this process has changed, at most once a second. */
  readonly onSessionCount?: ((count: number) => void) | undefined
  /** Called when a person's browser was answered. */
  readonly onVisitor?: ((seen: SeenVisitor) => void) | undefined
}

const COUNTED_EVERY_MS = 1_000

export async function startNode(config: Config, log: Logger, lab: LabHooks = {}): Promise<RunningNode> {
  const accounts = demoAccounts({ count: config.accounts, cost: config.passwordCost })
  const telemetry = nodeTelemetry(log)
  const opening = await openingStore({
    url: config.storeUrl,
    nodeName: config.nodeName,
    meshSecret: config.meshSecret,
    onEvent: telemetry.onEvent,
    waitMs: config.storeWaitMs,
    log,
  })
  const { store } = opening
  let draining = false
  const {
    onRequest: handle,
    answerProbe,
    openFloor,
  } = shop({
    node: config.nodeName,
    store,
    keys: config.sessionKeys ?? [keyOfThisProcess(log)],
    secure: config.cookieSecure,
    idleTimeoutMs: config.idleTimeoutMs,
    visitorIdleTimeoutMs: config.visitorIdleTimeoutMs,
    absoluteTimeoutMs: config.absoluteTimeoutMs,
    accounts,
    sessionPaddingBytes: config.sessionPaddingBytes,
    proxiesInFront: config.proxiesInFront,
    throttleLogins: config.throttleLogins,
    throttleVisitors: config.throttleVisitors,
    log,
    telemetry,
    storeAwaited: opening.awaited,
    isDraining: () => draining,
    crashPoints: lab.crashPoints,
    labUrl: config.labUrl,
    onVisitor: lab.onVisitor,
  })
  const count = lab.onSessionCount === undefined ? undefined : sessionCounter(store, lab.onSessionCount)
  const onRequest: RequestListener = (request, response) => {
    count?.()
    handle(request, response)
  }
  const onProbe = (): Promise<ProbeAnswer> => {
    count?.()
    return answerProbe()
  }
  const server = await listen(onRequest, onProbe, { host: config.host, port: config.port })
  const floor = openFloor(server.server)
  // Before the store is open: it may be one that waits to be added.
  const operators = config.admin && (await admin({ ...config.admin, node: config.nodeName, store, log }))
  // From now on probes are answered; other requests only when the store is open.
  await opening.opened.catch(async (error: unknown) => {
    await Promise.all([server.close({ withinMs: 0 }), operators?.close()])
    throw error
  })
  log.info({ event: 'listening', url: server.url, store: store.name }, 'node listens')

  return {
    url: server.url,
    async drain() {
      draining = true
      log.info({ event: 'draining', noticeMs: config.drainNoticeMs }, 'node drains')
      await sleep(config.drainNoticeMs)
      floor?.leave()
      const { cut } = await server.close({ withinMs: config.drainMs })
      if (cut) log.warn({ event: 'drain-cut', drainMs: config.drainMs }, 'requests still in flight were cut off')
      await Promise.all([operators?.close(), store.close()])
      log.info({ event: 'drained' }, 'node has drained')
    },
  }
}

/** Call the result at each request and probe, so that an idle node needs no timer. */
function sessionCounter(store: SessionStore, onChange: (count: number) => void): () => void {
  let told = 0
  let countedAtMs = -Infinity
  return () => {
    const nowMs = performance.now()
    if (nowMs - countedAtMs < COUNTED_EVERY_MS) return
    countedAtMs = nowMs
    const count = store.localSessionCount?.() ?? 0
    if (count !== told) onChange(count)
    told = count
  }
}

function keyOfThisProcess(log: Logger): string {
  log.warn(
    { event: 'session-key-generated' },
    'SESSION_KEYS is not set: sessions are signed with a key of this process, and no other node will know them',
  )
  return randomBytes(32).toString('base64url')
}
