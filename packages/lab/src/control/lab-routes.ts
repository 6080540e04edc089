/** What can be asked of the lab as a whole: which strategies there are, another one, a second one beside it. */
import { ApiError } from '../errors.ts'
import type { Run } from '../run.ts'
import type { Runs } from '../runs.ts'
import { strategyNames } from '../strategies.ts'
import { clusterView } from './cluster-view.ts'
import { readJsonObject, sendJson } from './json.ts'
import type { Route } from './routes.ts'
import { type ChooseStrategy, nextOptions, optionsNow, RUN_BOUNDS } from './strategy-request.ts'

export interface Controlled {
  readonly runs: Runs
  /** A second cluster beside it, on demand. */
  readonly beside: Runs
  readonly choose: ChooseStrategy | undefined
}

export function labRoutes({ runs, beside, choose }: Controlled): readonly Route[] {
  return [
    {
      method: 'GET',
      path: /^\/api\/lab$/,
      handle: (_request, response) =>
        sendJson(response, 200, {
          strategies: choose === undefined ? [] : strategyNames,
          edges: runs.current?.cluster.edges !== undefined,
          beside: beside.current?.trace.state.strategy.name ?? null,
          bounds: RUN_BOUNDS,
        }),
    },
    {
      method: 'POST',
      path: /^\/api\/strategy$/,
      takesBody: true,
      async handle(request, response) {
        const body = await readJsonObject(request)
        const { trace, ...run } = runs.needed
        const next = await nextOptions(body, optionsNow({ trace, ...run }), trace.state.users.rate, choose)
        sendRun(response, await runs.change(next, `then ${next.strategy.name}`))
      },
    },
    {
      method: 'POST',
      path: /^\/api\/beside$/,
      takesBody: true,
      async handle(request, response) {
        const body = await readJsonObject(request)
        if (body['strategy'] === undefined)
          throw new ApiError(422, 'WRONG_SHAPE', 'strategy takes the name of a strategy')
        const { options, trace } = runs.needed
        const port = beside.current === undefined ? 0 : optionsNow(beside.current).port
        // The control API that its shop would ask is the first one's.
        const { controlUrl: _first, ...own } = options
        const next = await nextOptions(body, { ...own, port }, trace.state.users.rate, choose)
        sendRun(response, await beside.change(next, `then ${next.strategy.name}`))
      },
    },
    {
      method: 'DELETE',
      path: /^\/api\/beside$/,
      async handle(_request, response) {
        await beside.end('no longer beside the other')
        response.writeHead(204).end()
      },
    },
  ]
}

function sendRun(response: Parameters<Route['handle']>[1], { trace }: Run): void {
  sendJson(response, 200, clusterView(trace.state))
}
