/**
 * The certificate that clients see, and its successors. Tools replace the two files one after the other, so a pair that does not match
 * or can't be read is no failure: the certificate in use stays, a log line says why, and the next change is read again.
 *
 * The files are polled and not watched: tools rename files or replace a symbolic link to their folder, and a watcher would keep watching
 * the old file.
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
  /** When it expires, or the first of its chain does. */
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
  /** Resolves with the first certificate; rejects with CertificateError. Then begins to poll the files. */
  open(): Promise<Certificate>
  /** Reads the files again whether or not they changed. Resolves with a function that puts the certificate in use; rejects with CertificateError. */
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

/** Changes when a file is replaced or written; constant while it is absent. */
async function stateOf({ certPath, keyPath }: CertificateFiles): Promise<string> {
  const states = [certPath, keyPath].map(async (path) => {
    const found = await stat(path).catch(() => undefined)
    return found === undefined ? 'absent' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`
  })
  return (await Promise.all(states)).join(' ')
}
