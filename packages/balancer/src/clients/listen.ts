import type { AddressInfo, Server } from 'node:net'

/** The port is taken. */
export class PortInUseError extends Error {
  readonly code = 'PORT_IN_USE'

  constructor(port: number, host: string, cause: unknown) {
    super(`Port ${port} on ${host} is in use.`, { cause })
    this.name = 'PortInUseError'
  }
}

/** Resolves once the server accepts connections. */
export function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortInUseError(port, host, error) : error)
    })
    server.listen(port, host, () => resolve(server.address() as AddressInfo))
  })
}

/** Where to reach it from this machine: a wildcard is no address to connect to. */
export function urlOf({ address, port }: AddressInfo, scheme: 'http' | 'https' = 'http'): string {
  if (address === '0.0.0.0' || address === '::') return `${scheme}://127.0.0.1:${port}`
  return address.includes(':') ? `${scheme}://[${address}]:${port}` : `${scheme}://${address}:${port}`
}
