/**
 * The sockets of a mesh: plain ones within a machine, TLS everywhere else. Without certificates both sides make the same key
 * of the mesh's secret (PSK), with a Diffie-Hellman exchange beside it, so that a secret that leaks opens no recording.
 * With certificates both sides show one; the authority must be the mesh's own, because every certificate that it signed is
 * accepted. In either case the handshake proves which node it is.
 *
 * A link may be silent for hours. The operating system asks by itself whether the other machine is still there, and ends a
 * link without an answer.
 */
import { hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { StoreConfigError } from '../../errors.ts'
import type { Address } from './address.ts'
import type { CertificateFiles } from './location.ts'

export interface MeshSockets {
  /** Hands on sockets that may be written to at once. */
  server(onSocket: (socket: Socket) => void, onRefused: (error: Error, socket: Socket) => void): Server
  /** What is written before it is connected leaves then. */
  dial(address: Address): Socket
}

export interface Security {
  readonly secret: string | undefined
  readonly tls: boolean
  readonly certificates: CertificateFiles | undefined
}

const PSK_IDENTITY = 'ninelives'
const PSK_BYTES = 32
/** OpenSSL knows suites that have both a shared key and an exchange only up to TLS 1.2. */
const PSK_OPTIONS = { ciphers: 'ECDHE-PSK-CHACHA20-POLY1305', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
const HANDSHAKE_MS = 2_000
/** Node.js then asks every second, and takes the tenth question without an answer for the end. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 1_000 } as const

export function meshSockets({ secret, tls, certificates }: Security): MeshSockets {
  if (!tls) {
    return {
      server: (onSocket) => createServer({ noDelay: true, ...KEEP_ALIVE }, onSocket),
      dial: ({ host, port }) => connect({ host, port, noDelay: true, ...KEEP_ALIVE }),
    }
  }
  const keys = certificates === undefined ? sharedKey(secret ?? '') : certified(certificates)
  return {
    server: (onSocket, onRefused) =>
      createTlsServer({ ...keys.server, handshakeTimeout: HANDSHAKE_MS, noDelay: true, ...KEEP_ALIVE }, onSocket).on(
        'tlsClientError',
        onRefused,
      ),
    dial: ({ host, port }) =>
      connectTls({
        ...keys.client,
        // An authority signs nodes, not addresses, and the handshake proves which node it is.
        checkServerIdentity: () => undefined,
        host,
        port,
      })
        .setNoDelay()
        .setKeepAlive(KEEP_ALIVE.keepAlive, KEEP_ALIVE.keepAliveInitialDelay),
  }
}

interface Keys {
  readonly server: TlsOptions
  readonly client: object
}

function sharedKey(secret: string): Keys {
  const psk = Buffer.from(hkdfSync('sha256', secret, '', 'ninelives mesh tls-psk', PSK_BYTES))
  return {
    server: { ...PSK_OPTIONS, pskCallback: (_socket, identity) => (identity === PSK_IDENTITY ? psk : null) },
    client: { ...PSK_OPTIONS, pskCallback: () => ({ psk, identity: PSK_IDENTITY }) },
  }
}

function certified({ ca, cert, key }: CertificateFiles): Keys {
  const files = { ca: pem(ca), cert: pem(cert), key: pem(key), minVersion: 'TLSv1.3' } as const
  return { server: { ...files, requestCert: true, rejectUnauthorized: true }, client: files }
}

function pem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new StoreConfigError(`'${path}' in the store's URL can't be read: ${(cause as Error).message}`, cause)
  }
}
