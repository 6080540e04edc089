/** What the page may know of the lab that runs this node, and the button that kills a node. Without a lab there is neither. */
import type Router from '@koa/router'
import type { Logger } from 'pino'
import { sameOrigin } from '@ninelives/sessions'
import { fields, jsonBody } from '../request/body.ts'
import { RequestError } from '../errors.ts'
import type { RequestState } from '../request.ts'

export interface LabOptions {
  readonly labUrl: string | undefined
  readonly log: Logger
}

interface LabNode {
  readonly name: string
  readonly state: string
  /** Deaths since the run began. */
  readonly deaths: number
}

interface LabView {
  readonly strategy: string
  readonly nodes: readonly LabNode[]
}

const ANSWER_WITHIN_MS = 2_000
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

export function labRoutes(router: Router<RequestState>, { labUrl, log }: LabOptions): void {
  router.get('/api/lab', async (ctx) => {
    ctx.set('Cache-Control', 'no-store')
    if (labUrl === undefined) {
      ctx.body = { running: false }
      return
    }
    ctx.body = { running: true, url: labUrl, ...(await look(labUrl).catch(silent)) }
  })
  if (labUrl === undefined) return

  router.post('/api/lab/kill', sameOrigin(), jsonBody(), async (ctx) => {
    requireLoopback(ctx.get('Origin'))
    const { node: name } = fields(ctx.request.body)
    const { nodes } = await look(labUrl).catch(silent)
    const node = nodes.find((each) => each.name === name)
    if (node === undefined) {
      const names = nodes.map((each) => each.name).join(', ')
      throw new RequestError(422, 'UNKNOWN_NODE', `node takes ${names}.`)
    }
    if (node.state === 'down') throw new RequestError(409, 'NODE_STATE', `Node ${node.name} is down already.`)
    ctx.status = 202
    // The answer goes first: the node to kill may be this one.
    ctx.res.once('finish', () => {
      kill(labUrl, node.name).catch((error: unknown) => log.warn({ err: error }, 'the lab did not kill the node'))
    })
  })
}

function silent(): never {
  throw new RequestError(503, 'LAB_SILENT', 'The lab does not answer.', { 'Retry-After': '1' })
}

/** A page whose name was bound to this address anew still names itself in the header. */
function requireLoopback(origin: string): void {
  const name = URL.canParse(origin) ? new URL(origin).hostname : ''
  if (origin !== '' && !LOOPBACK_NAMES.has(name))
    throw new RequestError(403, 'CROSS_ORIGIN', 'Only a page on this machine may kill a node.')
}

async function look(labUrl: string): Promise<LabView> {
  const response = await fetch(`${labUrl}/api/cluster`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
  if (!response.ok) throw new Error(`the lab answered ${response.status}`)
  const { strategy, nodes } = (await response.json()) as LabView
  return { strategy, nodes: nodes.map(({ name, state, deaths }) => ({ name, state, deaths })) }
}

async function kill(labUrl: string, target: string): Promise<void> {
  const response = await fetch(`${labUrl}/api/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'kill', target }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  })
  if (!response.ok) throw new Error(`the lab answered ${response.status}`)
}
