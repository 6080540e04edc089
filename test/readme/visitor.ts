/** For the frames around a README's blocks: serves the application of a block, and asks it as a browser would. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Heard {
  readonly status: number
  readonly text: string
  readonly replayed: boolean
}

export interface Visitor {
  cookie: string | undefined
  get(path: string): Promise<Heard>
  post(path: string, headers?: Readonly<Record<string, string>>): Promise<Heard>
}

/** Of one browser: it keeps the last cookie that it is given. */
export async function visitor(listener: RequestListener | { callback(): RequestListener }): Promise<Visitor> {
  const server = createServer(typeof listener === 'function' ? listener : listener.callback())
  // A connection that closed between two requests of a busy machine would be a failed request.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const ask = async (
    from: Visitor,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Heard> => {
    const cookie = from.cookie === undefined ? {} : { cookie: from.cookie }
    const answer = await fetch(origin + path, { method, headers: { ...headers, ...cookie } })
    const [given] = answer.headers.getSetCookie()
    from.cookie = given?.split(';', 1)[0] ?? from.cookie
    const replayed = answer.headers.has('idempotency-replayed')
    return { status: answer.status, text: await answer.text(), replayed }
  }

  const browser: Visitor = {
    cookie: undefined,
    get(path) {
      return ask(this, 'GET', path)
    },
    post(path, headers) {
      return ask(this, 'POST', path, headers)
    },
  }
  return browser
}
