/**
 * Runs before everything else. Refuses a strategy that does not exist, and makes what is missing: the secrets of the cluster, and a
 * certificate for this machine. They are in a volume of their own, so they outlive the containers; `docker compose down -v` removes them.
 */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDue, selfSigned } from './certificate.ts'

const [folder = '/secrets'] = process.argv.slice(2)
const HOSTS = ['localhost', 'balancer', '127.0.0.1']
const SECRETS: Readonly<Record<string, number>> = {
  SESSION_KEYS: 0o600,
  MESH_SECRET: 0o600,
  AFFINITY_KEYS: 0o600,
  LAB_SECRET: 0o600,
  CONTROL_TOKEN: 0o600,
  // Prometheus reads it, as a user of its own.
  ADMIN_TOKEN: 0o644,
}

const { STRATEGY: strategy = '' } = process.env
const strategies = readdirSync(new URL('../strategies', import.meta.url)).map((file) => file.replace('.env', ''))
if (!strategies.includes(strategy)) {
  process.stderr.write(
    `STRATEGY is "${strategy}"; it takes one of: ${strategies.sort().join(' ')}. For example: STRATEGY=redis docker compose up\n`,
  )
  process.exit(2)
}
for (const [name, mode] of Object.entries(SECRETS)) {
  if (existing(name) === undefined) keep(name, `${randomBytes(32).toString('base64url')}\n`, mode)
}
const certificate = existing('certificate.pem')
if (certificate === undefined || existing('private-key.pem') === undefined || isDue(certificate)) {
  const made = selfSigned(HOSTS)
  keep('private-key.pem', made.privateKey, 0o600)
  keep('certificate.pem', made.certificate, 0o644)
}

function existing(name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all. */
function keep(name: string, text: string, mode: number): void {
  const path = join(folder, name)
  writeFileSync(`${path}.new`, text, { mode })
  renameSync(`${path}.new`, path)
  process.stdout.write(`made ${path}\n`)
}
