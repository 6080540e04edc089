/**
 * nginx with one process, and its defaults for the death of a node: it retries safe requests at the next node, and leaves the failed one
 * out for ten seconds. Affinity is by a cookie of its own, over a consistent hash: the free nginx of the distributions has no `sticky`,
 * and a hash of the address would put a whole bench on one node.
 */
import { front } from './front.ts'
import type { Environment } from '../program.ts'

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

await front({
  program: 'nginx',
  configuration,
  args: (file, directory) => ['-c', file, '-p', directory, '-e', `${directory}/error.log`],
})

function configuration({ port, upstreams, affinity }: Environment, directory: string): string {
  return `
daemon off;
master_process off;
pid ${directory}/pid;
error_log ${directory}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
  ${TEMPORARY.map((each) => `${each}_temp_path ${directory}/${each};`).join('\n  ')}
  upstream nodes {
    ${affinity ? 'hash $uid_got$uid_set consistent;' : ''}
    ${upstreams.map(({ port: node }) => `server 127.0.0.1:${node};`).join('\n    ')}
    keepalive 64;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    ${affinity ? 'userid on; userid_name route; userid_path /; userid_p3p none;' : ''}
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`
}
