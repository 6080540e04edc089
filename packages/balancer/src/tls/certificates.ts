/**
 * The certificate that clients see, and its successors. Files are replaced one after the other, so a pair that does not fit or
 * can't be read is not the end: the certificate in use stays, a log line says why, and the next change is another chance.
 *
 * The files are looked at now and then and not watched: what tools that renew certificates do (rename, exchange a symbolic
 * link to a folder) leaves a watcher with a file that is not written any more.
 */
import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import type { CertificateFiles } from '../config/config.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
  /** When it, or the first of those between it and its root, runs out: clients accept it as long as all of them hold. */
  readonly expiresAt: Date
}

/** A certificate or key that can't be used, with the reason. */
export class CertificateError extends Error {
  readonly code = 'CERTIFICATE'

  constructor(reason: string, cause?: unknown) {
    super(`The certificate can't be used: ${reason}.`, { cause })
    this.name = 'CertificateError'
  }
}

export interface Certificates {
  /** Resolves with the first; rejects with CertificateError. From here on the files are looked at. */
  open(): Promise<Certificate>
  /** Reads the files again whether or not they changed. Resolves with what puts the certificate in use; rejects with CertificateError. */
  prepare(): Promise<() => void>
  close(): void
}

export interface CertificatesOptions {
  readonly files: CertificateFiles
  readonly checkIntervalMs: number
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'certificate'>
  readonly changed: (certificate: Certificate) => void
}

export function certificates({ files, checkIntervalMs, log, metrics, changed }: CertificatesOptions): Certificates {
  let timer: NodeJS.Timeout | undefined
  let seen = ''
  let used = ''
  let closed = false

  async function prepare(): Promise<() => void> {
    seen = await stateOf(files)
    try {
      const certificate = await readCertificate(files)
      return () => {
        if (closed) return
        changed(certificate)
        say(certificate)
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      metrics.certificate('kept-the-old')
      log.error({ event: 'certificate-kept', reason, fingerprint: used }, 'the new certificate is not used')
      throw error
    }
  }

  function say({ cert, expiresAt }: Certificate): void {
    const { subject, validTo, fingerprint256 } = new X509Certificate(cert)
    used = fingerprint256
    metrics.certificate({ usedUntil: expiresAt })
    log.info({ event: 'certificate-used', subject, validTo, fingerprint: fingerprint256 })
  }

  async function check(): Promise<void> {
    if ((await stateOf(files)) !== seen) await prepare().then((use) => use(), logged)
    if (!closed) timer = setTimeout(() => void check(), checkIntervalMs).unref()
  }

  return {
    async open() {
      seen = await stateOf(files)
      const certificate = await readCertificate(files)
      say(certificate)
      timer = setTimeout(() => void check(), checkIntervalMs).unref()
      return certificate
    },
    prepare,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

function logged(): void {}

/** Rejects with CertificateError. */
export async function readCertificate({ certPath, keyPath }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([read(certPath), read(keyPath)])
  try {
    createSecureContext({ cert, key })
    const { validTo, validToDate } = new X509Certificate(cert)
    if (validToDate.getTime() < Date.now()) throw new Error(`it was valid until ${validTo}`)
    return { cert, key, expiresAt: soonestExpiry(cert) }
  } catch (error) {
    throw new CertificateError(`${certPath} and ${keyPath}: ${(error as Error).message}`, error)
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function soonestExpiry(cert: Buffer): Date {
  const all = cert.toString('latin1').match(PEM_CERTIFICATE) ?? [cert]
  return new Date(Math.min(...all.map((each) => new X509Certificate(each).validToDate.getTime())))
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new CertificateError(`${path}: ${(error as NodeJS.ErrnoException).code}`, error)
  }
}

/** What shows that a file is another one, or was written; the same for one that is not there. */
async function stateOf({ certPath, keyPath }: CertificateFiles): Promise<string> {
  const states = [certPath, keyPath].map(async (path) => {
    const found = await stat(path).catch(() => undefined)
    return found === undefined ? 'absent' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`
  })
  return (await Promise.all(states)).join(' ')
}
