/** httpxy with an agent that keeps connections. */
import { createProxyServer } from 'httpxy'
import { badGateway, bareProxy } from './bare-proxy.ts'

const proxy = createProxyServer({})
bareProxy((request, response, target, agent) => {
  proxy.web(request, response, { target, agent }).catch((error: Error) => badGateway(response, error))
})
