/**
 * The host names of this site: those configured, or else those of its certificate. A request for another name is not redirected to it: a
 * cache could send other users there too.
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Certificate } from './certificates.ts'
import { nameOf } from '../config/host-name.ts'

/** `host` may have a port. */
export type IsOwnHost = (host: string) => boolean

export function isConfiguredHost(host: string, hosts: readonly string[]): boolean {
  return hosts.includes(nameOf(host))
}

/** Of the certificate that clients see. */
export function certificateHosts({ cert }: Certificate): IsOwnHost {
  const certificate = new X509Certificate(cert)
  return (host) => {
    const name = nameOf(host)
    return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined
  }
}
