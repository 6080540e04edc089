/** Serves the live page and the control API of a cluster that another program started. There is one run, and no other strategy. */
import { EventStream } from '../control/event-stream.ts'
import { loopbackDoor, publishedDoor } from '../control/guard.ts'
import { sendJson } from '../control/json.ts'
import { type Controllable, type Route, runRoutes } from '../control/routes.ts'
import { type ControlServer, serveApi } from '../control/server.ts'
import { RUN_BOUNDS } from '../control/strategy-request.ts'

export interface AttachedAddress {
  readonly host: string
  readonly port: number
  /** Undefined on loopback, which other machines and containers don't reach. */
  readonly token: string | undefined
}

/** Rejects with PortInUseError. */
export async function attachedServer(
  run: Controllable['needed'],
  { host, port, token }: AttachedAddress,
): Promise<ControlServer> {
  const runs: Controllable = {
    needed: run,
    follow(listener) {
      listener(run)
      return () => undefined
    },
  }
  const events = new EventStream(runs)
  const lab: Route = {
    method: 'GET',
    path: /^\/api\/lab$/,
    handle: (_request, response) =>
      sendJson(response, 200, { strategies: [], edges: false, beside: null, bounds: RUN_BOUNDS }),
  }
  const api = { '/api/': [lab, ...runRoutes(runs, events)], '/beside/api/': [] }
  const door = token === undefined ? { ...loopbackDoor, address: host } : publishedDoor(host, token)
  return await serveApi(api, [events], port, undefined, door)
}
