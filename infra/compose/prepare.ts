/**
 * Runs before everything else. Refuses a strategy that does not exist, and makes what is missing: the secrets of the cluster, and a
 * certificate for this machine. Each role has a volume of its own with the secrets that it needs and no other, so that a container that is
 * taken over reads no more than these. The volumes outlive the containers; `docker compose down -v` removes them.
 */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDue, selfSigned } from './certificate.ts'

/** Has a folder for each role. */
const [folder = '/secrets-of'] = process.argv.slice(2)
const HOSTS = ['localhost', 'balancer', '127.0.0.1']
/** What each role reads. A secret of several roles is the same for all of them. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  node: ['SESSION_KEYS', 'MESH_SECRET', 'LAB_SECRET'],
  balancer: ['AFFINITY_KEYS', 'ADMIN_TOKEN'],
  'balancer-tls': ['AFFINITY_KEYS', 'ADMIN_TOKEN'],
  lab: ['LAB_SECRET', 'ADMIN_TOKEN', 'CONTROL_TOKEN'],
  prometheus: ['ADMIN_TOKEN'],
}
const PRIVATE = 0o600
const READABLE = 0o644

const { STRATEGY: strategy = '' } = process.env
const strategies = readdirSync(new URL('../strategies', import.meta.url)).map((file) => file.replace('.env', ''))
if (!strategies.includes(strategy)) {
  process.stderr.write(
    `STRATEGY is "${strategy}"; it takes one of: ${strategies.sort().join(' ')}. For example: STRATEGY=redis docker compose up\n`,
  )
  process.exit(2)
}
const secrets = new Set(Object.values(ROLES).flat())
for (const name of secrets) {
  const roles = Object.keys(ROLES).filter((role) => ROLES[role]?.includes(name))
  const kept = roles.map((role) => existing(role, name))
  const secret = kept.find((text) => text !== undefined) ?? `${randomBytes(32).toString('base64url')}\n`
  for (const [at, role] of roles.entries()) {
    // Prometheus runs as a user of its own.
    if (kept[at] !== secret) keep(role, name, secret, role === 'prometheus' ? READABLE : PRIVATE)
  }
}
const certificate = existing('balancer-tls', 'certificate.pem')
if (certificate === undefined || existing('balancer-tls', 'private-key.pem') === undefined || isDue(certificate)) {
  const made = selfSigned(HOSTS)
  keep('balancer-tls', 'private-key.pem', made.privateKey, PRIVATE)
  keep('balancer-tls', 'certificate.pem', made.certificate, READABLE)
}

function existing(role: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, role, name), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all. */
function keep(role: string, name: string, text: string, mode: number): void {
  const path = join(folder, role, name)
  writeFileSync(`${path}.new`, text, { mode })
  renameSync(`${path}.new`, path)
  process.stdout.write(`made ${path}\n`)
}
