/** http-proxy as its README begins, with an agent that keeps connections. */
import httpProxy from 'http-proxy'
import { badGateway, bareProxy } from './bare-proxy.ts'

const proxy = httpProxy.createProxyServer({})
bareProxy((request, response, target, agent) => {
  proxy.web(request, response, { target, agent }, (error) => badGateway(response, error))
})
