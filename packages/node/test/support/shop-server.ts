/** The shop over real HTTP on a free port, on a store in memory unless a test brings another. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import { openStore, type SessionStore } from '@ninelives/sessions'
import { demoAccounts } from '../../src/shop/accounts.ts'
import { logOptions } from '../../src/log.ts'
import { shop, type ShopOptions } from '../../src/shop.ts'

export interface ShopServer {
  readonly url: string
  readonly store: SessionStore
  /** Every line logged so far, down to debug. */
  readonly logged: string[]
}

export async function shopServer(t: ExecutionContext, options: Partial<ShopOptions> = {}): Promise<ShopServer> {
  const store = options.store ?? (await openStore('memory:'))
  await store.open()
  const logged: string[] = []
  const { onRequest, openFloor } = shop({
    node: 'a',
    store,
    keys: ['a key of thirty-two characters, 1'],
    secure: false,
    idleTimeoutMs: 60_000,
    absoluteTimeoutMs: 3_600_000,
    accounts: demoAccounts({ count: 4, cost: 'low' }),
    log: pino(logOptions('a', 'debug'), linesInto(logged)),
    ...options,
  })
  const server = createServer(onRequest)
  const floor = openFloor(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    floor?.leave()
    server.close()
    server.closeAllConnections()
    await store.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, store, logged }
}

function linesInto(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
}
