import type { IncomingMessage, ServerResponse } from 'node:http'
import { findNode } from '@ninelives/history'
import type { NodeMember } from '../cluster/member.ts'
import { ApiError } from '../errors.ts'
import type { FaultController } from '../faults/controller.ts'
import type { Trace } from '../trace/trace.ts'
import { clusterView, nodeView } from './cluster-view.ts'
import type { EventStream, Feed } from './event-stream.ts'
import { faultKinds, type Offering } from './fault-kinds.ts'
import { faultRequest } from './fault-request.ts'
import { readJsonObject, sendJson } from './json.ts'
import { type Paced, pace } from './pace.ts'

/** A cluster that the lab started, or one that runs elsewhere. */
export interface ControlledCluster extends Offering, Paced {
  readonly nodes: readonly NodeMember[]
}

/** The newest of some runs, or the only one. */
export interface Controllable extends Feed {
  readonly needed: { readonly trace: Trace; readonly cluster: ControlledCluster; readonly faults: FaultController }
}

export interface Route {
  readonly method: string
  readonly path: RegExp
  /** Whether the handler reads the body; other routes discard it. */
  readonly takesBody?: true
  /** `parameter` is the path's captured group, decoded. A rejection becomes an error answer. */
  handle(request: IncomingMessage, response: ServerResponse, parameter: string): void | Promise<void>
}

/** What can be asked of the newest of these runs. */
export function runRoutes(runs: Controllable, events: EventStream): readonly Route[] {
  return [
    {
      method: 'GET',
      path: /^\/api\/cluster$/,
      handle: (_request, response) => sendJson(response, 200, clusterView(runs.needed.trace.state)),
    },
    {
      method: 'GET',
      path: /^\/api\/faults$/,
      handle: (_request, response) => sendJson(response, 200, { kinds: faultKinds(runs.needed.cluster) }),
    },
    {
      method: 'POST',
      path: /^\/api\/users$/,
      takesBody: true,
      async handle(request, response) {
        const { cluster, trace } = runs.needed
        sendJson(response, 200, await pace(cluster, trace, await readJsonObject(request)))
      },
    },
    {
      method: 'POST',
      path: /^\/api\/faults$/,
      takesBody: true,
      async handle(request, response) {
        const wanted = faultRequest(await readJsonObject(request))
        sendJson(response, 201, await runs.needed.faults.inject(wanted))
      },
    },
    {
      method: 'GET',
      path: /^\/api\/faults\/([^/]+)$/,
      handle: (_request, response, id) => sendJson(response, 200, runs.needed.faults.find(id)),
    },
    {
      method: 'DELETE',
      path: /^\/api\/faults\/([^/]+)$/,
      async handle(_request, response, id) {
        sendJson(response, 200, await runs.needed.faults.heal(id))
      },
    },
    {
      method: 'POST',
      path: /^\/api\/nodes\/([^/]+)\/start$/,
      async handle(_request, response, name) {
        const { cluster, trace } = runs.needed
        await startNode(cluster, trace, name)
        const started = findNode(trace.state, name)
        sendJson(response, 200, started && nodeView(started))
      },
    },
    {
      method: 'GET',
      path: /^\/api\/events$/,
      handle: (request, response) => events.open(request, response),
    },
  ]
}

/** Resolves when the node is up. */
async function startNode(cluster: ControlledCluster, trace: Trace, name: string): Promise<void> {
  const node = cluster.nodes.find((each) => each.name === name)
  if (node === undefined) {
    const names = cluster.nodes.map((each) => each.name).join(', ')
    throw new ApiError(404, 'UNKNOWN_NODE', `there is no node "${name}"; there are ${names}`)
  }
  const state = findNode(trace.state, name)?.state
  if (state !== 'down') {
    throw new ApiError(409, 'NODE_STATE', `only a node that is down can be started; ${name} is ${state}`)
  }
  await node.keeper.start()
}
