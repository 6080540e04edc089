/** http-proxy as its README begins, round robin, with an agent that keeps connections: what a balancer is before it is one. */
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'
import { environment, listen } from './program.ts'

const SOCKETS_MAX = 256

const { upstreams } = environment
const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })
const proxy = httpProxy.createProxyServer({})
let turn = 0

listen(
  createServer((request, response) => {
    const target = `http://127.0.0.1:${upstreams[turn++ % upstreams.length]?.port}`
    proxy.web(request, response, { target, agent }, (error) => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end(error.message)
    })
  }),
)
