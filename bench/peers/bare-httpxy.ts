/** httpxy with an agent that keeps connections. */
import { createProxyServer } from 'httpxy'
import { bareProxy } from './bare-proxy.ts'

const proxy = createProxyServer({})
bareProxy((request, response, target, agent) => {
  proxy.web(request, response, { target, agent }).catch((error: Error) => response.writeHead(502).end(error.message))
})
