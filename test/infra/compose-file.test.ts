/** What the compose file promises, where no Docker engine is needed to see it. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parse } from 'yaml'

interface Service {
  readonly profiles?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly mem_limit?: string
  readonly restart?: string
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly interval?: string; readonly test?: readonly string[] }
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const file = readFileSync(`${root}/docker-compose.yml`, 'utf8')
const { services } = parse(file, { merge: true, maxAliasCount: -1 }) as { services: Readonly<Record<string, Service>> }
const strategies = readdirSync(`${root}/infra/strategies`).map((name) => name.replace('.env', ''))

test('the server of each strategy is in the profile of the same name', (t) => {
  for (const strategy of strategies) {
    const settings = readFileSync(`${root}/infra/strategies/${strategy}.env`, 'utf8')
    const [, server] = /^# server: (.*)$/m.exec(settings) ?? []
    const inProfile = Object.entries(services).filter(([, { profiles }]) => profiles?.includes(strategy))
    t.is(server !== undefined, inProfile.length > 0, strategy)
    if (server !== undefined) t.true(services[server]?.profiles?.includes(strategy), `${strategy}: ${server}`)
  }
})

test('the comment of the compose file and the page name every strategy', (t) => {
  const [comment = ''] = file.split('\n\n')
  const page = readFileSync(`${root}/infra/README.md`, 'utf8')
  for (const strategy of strategies) {
    t.regex(comment, new RegExp(`\\b${strategy}\\b`))
    t.regex(page, new RegExp(`\`${strategy}\``))
  }
})

test('every container has a read-only root, no capabilities by default and a bound on memory', (t) => {
  for (const [name, service] of Object.entries(services)) {
    t.true(service.read_only, name)
    t.deepEqual(service.cap_drop, ['ALL'], name)
    t.regex(service.mem_limit ?? '', /^\d+m$/, name)
  }
})

test('a healthcheck is rare and starts no Node', (t) => {
  for (const [name, { healthcheck }] of Object.entries(services)) {
    if (healthcheck?.test === undefined) continue
    t.is(healthcheck.interval, '30s', name)
    t.notRegex(healthcheck.test.join(' '), /\bnode\b/, name)
  }
  const image = readFileSync(`${root}/infra/Dockerfile`, 'utf8')
  t.regex(image, /HEALTHCHECK --interval=30s .*\n +CMD \["bash",/)
})

test('nothing of ours starts with a wrong strategy: each waits for what refuses it', (t) => {
  for (const name of ['node-a', 'node-b', 'node-c', 'balancer', 'balancer-tls', 'lab']) {
    const before = services[name]?.depends_on as Record<string, unknown>
    t.deepEqual(before['prepare'], { condition: 'service_completed_successfully' }, name)
  }
})

test('a node that the lab has killed is started again, and no container has the socket of Docker', (t) => {
  for (const name of ['node-a', 'node-b', 'node-c']) t.is(services[name]?.restart, 'unless-stopped')
  t.false(file.includes('docker.sock'))
})

test('no secret of the cluster stands in the file: each is made before what reads it, in a volume of the role', (t) => {
  for (const [name, { environment = {}, volumes = [], depends_on: before = {} }] of Object.entries(services)) {
    for (const secret of ['SESSION_KEYS', 'MESH_SECRET', 'AFFINITY_KEYS', 'LAB_SECRET', 'ADMIN_TOKEN', 'CONTROL_TOKEN'])
      if (environment[secret] !== undefined) t.is(environment[secret], `\${${secret}:-}`, `${name}: ${secret}`)
    if (name === 'prepare') continue
    const [secrets, ...others] = volumes.filter((volume) => volume.startsWith('secrets'))
    t.deepEqual(others, [], name)
    if (secrets === undefined) continue
    const role = /^node-[abc]$/.test(name) ? 'node' : name
    t.is(secrets, `secrets-${role}:/secrets:ro`)
    t.true(services['prepare']?.volumes?.includes(`secrets-${role}:/secrets-of/${role}`), name)
    t.deepEqual((before as Record<string, unknown>)['prepare'], { condition: 'service_completed_successfully' }, name)
  }
})
