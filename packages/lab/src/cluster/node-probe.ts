/** Asks one node over HTTP, on a connection that is kept. */
import { Agent } from 'node:http'
import { httpGet } from '../http-get.ts'

const ANSWER_WAIT_MS = 500
/** Less than the shortest stall. */
const ALIVE_WAIT_MS = 200

export class NodeProbe {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  /** Whether `/readyz` says that it drains. */
  async saysDraining(url: string): Promise<boolean> {
    const answer = await httpGet(`${url}/readyz`, { timeoutMs: ANSWER_WAIT_MS, agent: this.#agent })
    return answer?.status === 503 && answer.body.includes('draining')
  }

  /** Whether it answers at all, within a short time. */
  async answers(url: string): Promise<boolean> {
    return (await httpGet(`${url}/healthz`, { timeoutMs: ALIVE_WAIT_MS, agent: this.#agent })) !== undefined
  }

  close(): void {
    this.#agent.destroy()
  }
}
