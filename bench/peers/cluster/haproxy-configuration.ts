import type { Environment } from '../program.ts'

/** `more`: lines of the section `defaults`. */
export function haproxyConfiguration({ port, upstreams, affinity }: Environment, more = ''): string {
  const server = ({ name, port: node }: Environment['upstreams'][number]): string =>
    `server ${name} 127.0.0.1:${node} check${affinity ? ` cookie ${name}` : ''}`
  return `
global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  option forwardfor
  option redispatch 1
  retries 3
  ${more}
frontend front
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Proto http
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /readyz
  http-reuse always
  ${affinity ? 'cookie route insert indirect nocache' : ''}
  ${upstreams.map(server).join('\n  ')}
`
}
