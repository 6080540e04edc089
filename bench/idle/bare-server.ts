/** The least that Node takes for it: a bare HTTP server that is probed as often as a node of the lab, in the way of our balancer. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startChild } from '../harness/processes/children.ts'

const PROBE_MS = 250
/** As the balancer: one connection is asked for some seconds, then a new one. */
const PROBES_A_CONNECTION = 10
const PROBE = 'GET /readyz HTTP/1.1\r\nHost: bare\r\n\r\n'

/** Runs `use` with the pid of a bare server while it is probed. */
export async function withBareServer<T>(use: (pid: number) => Promise<T>): Promise<T> {
  const child = startChild(process.execPath, [fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [port] = (await once(child, 'message')) as [number]
  let probes = 0
  let connection = connect(port, '127.0.0.1').resume()
  const timer = setInterval(() => {
    if (++probes % PROBES_A_CONNECTION === 0) {
      connection.destroy()
      connection = connect(port, '127.0.0.1').resume()
    }
    connection.write(PROBE)
  }, PROBE_MS)
  try {
    return await use(child.pid ?? 0)
  } finally {
    clearInterval(timer)
    connection.destroy()
    child.kill()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = createServer((_request, response) => response.end('ready')).listen(0, '127.0.0.1', () => {
    process.send?.((server.address() as AddressInfo).port)
  })
}
