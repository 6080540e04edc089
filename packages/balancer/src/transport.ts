/**
 * All that touches http-proxy (1.18.1). It is used to make the outgoing request and for nothing after it: what goes wrong
 * later is the attempt's business, and its own handling of answers, errors and upgrades is where most of its holes are.
 *
 * Its `buffer` option is something with a `pipe` that is called once, as soon as the outgoing request exists and before
 * a byte of it is sent. That call is the handover.
 */
import assert from 'node:assert'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Stream } from 'node:stream'
import util from 'node:util'
import type { Upstream } from './upstream.ts'

// http-proxy takes util._extend when it is loaded, and the first call would print DEP0060. Only that function is replaced,
// and only while http-proxy loads, so that every other deprecation is still heard.
const mutableUtil = util as unknown as { _extend: unknown }
const deprecated = mutableUtil._extend
mutableUtil._extend = Object.assign
const { default: httpProxy } = await import('http-proxy')
mutableUtil._extend = deprecated

/** Makes the request to an upstream and hands it over, unsent. The response is only looked at, never written to. */
export type Transport = (
  request: IncomingMessage,
  response: ServerResponse,
  upstream: Upstream,
  handover: (outgoing: ClientRequest) => void,
) => void

export function httpProxyTransport(): Transport {
  const proxy = httpProxy.createProxyServer({ selfHandleResponse: true, toProxy: true })
  removePass(proxy, 'deleteLength')
  return (request, response, { target, agent }, handover) => {
    const pipe = (outgoing: ClientRequest) => {
      // http-proxy collapses slashes in the path. What the client asked for is the upstream's to read.
      outgoing.path = request.url ?? '/'
      handover(outgoing)
    }
    proxy.web(request, response, { target, agent, buffer: { pipe } as unknown as Stream }, heardElsewhere)
  }
}

/** The attempt listens to the outgoing request itself; without a callback http-proxy would throw. */
function heardElsewhere(): void {}

/**
 * CVE-2026-29057: `deleteLength` turns a chunked DELETE or OPTIONS into one of length 0 and sends its body all the same, so
 * that the node takes the body for the next request. Without the pass the body keeps its chunks.
 */
function removePass(proxy: object, name: string): void {
  const { webPasses } = proxy as { webPasses: { readonly name: string }[] }
  const index = webPasses.findIndex((pass) => pass.name === name)
  assert(index !== -1, `this http-proxy has no pass ${name}`)
  webPasses.splice(index, 1)
}
