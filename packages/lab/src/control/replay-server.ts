/** Serves the live page over a recorded trace. Nothing can be broken there: the page says how a live cluster in that state begins. */
import type { ReadTrace } from '@ninelives/history'
import { sendJson } from './json.ts'
import { Recording } from './recording.ts'
import type { Route } from './routes.ts'
import { RUN_BOUNDS } from './strategy-request.ts'
import { type ControlServer, serveApi } from './server.ts'

/** `read`: begins to read the trace from its start. Rejects with PortInUseError. */
export function replayServer(read: () => ReadTrace, port: number): Promise<ControlServer> {
  const recording = new Recording(read)
  const routes: readonly Route[] = [
    {
      method: 'GET',
      path: /^\/api\/lab$/,
      handle: (_request, response) =>
        sendJson(response, 200, { strategies: [], edges: false, beside: null, bounds: RUN_BOUNDS }),
    },
    {
      method: 'GET',
      path: /^\/api\/events$/,
      handle: (_request, response) => recording.open(response),
    },
  ]
  return serveApi({ '/api/': routes, '/beside/api/': [] }, [recording], port)
}
