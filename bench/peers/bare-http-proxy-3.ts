/** http-proxy-3, the fork of http-proxy that is kept, with an agent that keeps connections. */
import { createProxyServer } from 'http-proxy-3'
import { badGateway, bareProxy } from './bare-proxy.ts'

const proxy = createProxyServer({})
bareProxy((request, response, target, agent) => {
  proxy.web(request, response, { target, agent }, (error) => badGateway(response, error))
})
