/** One request of a load, whose whole answer is read. */
import { type Agent, request } from 'node:http'

export interface Asking {
  readonly port: number
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly agent: Agent
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: string
}

export interface Answered {
  readonly text: string
  /** Its cookies, as a request sends them back. */
  readonly cookie: string
}

const TIMEOUT_MS = 10_000

/** Rejects on any status but 200. */
export function ask({ body, ...options }: Asking): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>()
  const outgoing = request({ host: '127.0.0.1', timeout: TIMEOUT_MS, ...options })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`${options.path} was not answered in ${TIMEOUT_MS} ms`)))
  outgoing.on('error', reject)
  outgoing.on('response', (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('error', reject)
    answer.on('data', (part: string) => (text += part))
    answer.on('end', () => {
      const cookie = (answer.headers['set-cookie'] ?? []).map((each) => each.split(';', 1)[0]).join('; ')
      if (answer.statusCode === 200) resolve({ text, cookie })
      else reject(new Error(`${options.path} was answered by ${answer.statusCode} ${text.slice(0, 200)}`))
    })
  })
  outgoing.end(body)
  return promise
}
