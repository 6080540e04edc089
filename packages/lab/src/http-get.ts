import { type Agent, get } from 'node:http'

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface GetOptions {
  readonly timeoutMs: number
  readonly agent?: Agent
  readonly headers?: Readonly<Record<string, string>>
  /** Called with the reason why no answer came. */
  readonly onError?: (error: NodeJS.ErrnoException) => void
}

const BODY_LENGTH_MAX = 1024 * 1024

/** Resolves undefined without a whole answer in time. */
export function httpGet(
  url: string,
  { timeoutMs, agent, headers = {}, onError }: GetOptions,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const request = get(url, { signal, headers, ...(agent ? { agent } : {}) }, (response) => {
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
    request.on('error', (error) => {
      onError?.(error)
      resolve(undefined)
    })
  })
}
