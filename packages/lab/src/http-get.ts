import { type Agent, get } from 'node:http'

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface GetOptions {
  readonly timeoutMs: number
  readonly agent?: Agent
}

const BODY_LENGTH_MAX = 1024 * 1024

/** Resolves undefined without a whole answer in time. */
export function httpGet(url: string, { timeoutMs, agent }: GetOptions): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { signal: AbortSignal.timeout(timeoutMs), ...(agent ? { agent } : {}) }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
        if (body.length > BODY_LENGTH_MAX) response.destroy()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', () => resolve(undefined))
      response.on('close', () => resolve(undefined))
    })
    request.on('error', () => resolve(undefined))
  })
}
