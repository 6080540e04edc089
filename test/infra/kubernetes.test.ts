/** The Kubernetes manifests: every object is one that Kubernetes has, and what one names in another exists. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parseAllDocuments } from 'yaml'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'infra/kubernetes')

interface Port {
  readonly name?: string
  readonly port?: number
  readonly containerPort?: number
  readonly targetPort?: string
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly replicas?: number
    readonly serviceName?: string
    readonly selector?: Labels & { readonly matchLabels?: Labels }
    readonly podSelector?: { readonly matchLabels: Labels }
    readonly ports?: readonly Port[]
    readonly template?: {
      readonly metadata: { readonly labels: Labels }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: readonly {
          readonly ports: readonly Port[]
          readonly env: readonly { readonly name: string; readonly value?: string }[]
        }[]
      }
    }
  }
}
type Labels = Readonly<Record<string, string>>

function manifests(...paths: string[]): Manifest[] {
  return paths.flatMap((path) =>
    parseAllDocuments(readFileSync(join(folder, path), 'utf8')).map((document) => document.toJS() as Manifest),
  )
}

const shared = ['balancer.yaml', 'network.yaml', 'shop.yaml']
const sets = { mesh: [...shared, 'mesh/nodes.yaml'], stateless: [...shared, 'stateless/nodes.yaml'] }

/** What the schema of its kind has against each object, and the type's word on fields that the kind does not have. */
async function problems(objects: readonly Manifest[]): Promise<string[]> {
  const found: string[] = []
  const known: Manifest[] = []
  for (const object of objects) {
    const group = object.apiVersion
    const name = `${group} ${object.kind} ${object.metadata.name}`
    try {
      const module = (await import(`kubernetes-models/${group}/${object.kind}`)) as Record<
        string,
        new (data: unknown) => { validate: () => void }
      >
      new (module[object.kind] as new (data: unknown) => { validate: () => void })(object).validate()
      known.push(object)
    } catch (error) {
      found.push(`${name}: ${(error as Error).message}`)
    }
  }
  return [...found, ...unknownFields(known)]
}

/** The compiler refuses a field that a type does not have, which the schemas let pass. */
function unknownFields(objects: readonly Manifest[]): string[] {
  // Below the root, where the packages resolve, and ignored by git.
  mkdirSync(join(root, '.ninelives'), { recursive: true })
  const directory = mkdtempSync(join(root, '.ninelives/manifests-'))
  try {
    const text = objects.map(
      ({ apiVersion, kind, ...rest }, index) =>
        `import type { I${kind} as Kind${index} } from 'kubernetes-models/${apiVersion}/${kind}'\n` +
        `export const object${index}: Kind${index} = ${JSON.stringify({ apiVersion, kind, ...rest })}\n`,
    )
    writeFileSync(join(directory, 'manifests.ts'), text.join(''))
    const options = ['--noEmit', '--skipLibCheck', '--ignoreConfig', '--module', 'nodenext', '--types', '']
    execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, join(directory, 'manifests.ts')], {
      encoding: 'utf8',
    })
    return []
  } catch (error) {
    return ((error as { stdout?: string }).stdout ?? String(error)).split('\n').filter((line) => line.includes('error'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('every manifest is in a set that the tests check', (t) => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml'))
  t.deepEqual(files.sort(), [...new Set(Object.values(sets).flat())].sort())
})

test('every object is valid for its kind', async (t) => {
  t.deepEqual(await problems(manifests(...shared, 'mesh/nodes.yaml', 'stateless/nodes.yaml')), [])
})

test('a version that does not exist, a wrong value and an unknown field are refused', async (t) => {
  const [balancer] = manifests('stateless/nodes.yaml') as [Manifest]
  const wrong = (change: object): Manifest => ({ ...balancer, ...change })
  const refused = await problems([
    wrong({ apiVersion: 'apps/v9' }),
    wrong({ spec: { ...balancer.spec, replicas: 'three' } }),
    wrong({ spec: { ...balancer.spec, replica: 3 } }),
  ])
  t.is(refused.length, 3, refused.join('\n'))
  t.regex(refused[0] as string, /apps\/v9/)
  t.regex(refused[1] as string, /replicas/)
  t.regex(refused[2] as string, /replica/)
})

for (const [name, files] of Object.entries(sets)) {
  const objects = manifests(...files)
  const pods = objects.flatMap(({ spec }) => spec.template ?? [])
  const selected = (labels: Labels) =>
    pods.filter((pod) => Object.entries(labels).every(([key, value]) => pod.metadata.labels[key] === value))

  test(`${name}: every selector selects pods, and every port of a Service is one of theirs`, (t) => {
    t.is(pods.length, 2)
    for (const { kind, metadata, spec } of objects) {
      const labels = spec.podSelector?.matchLabels ?? spec.selector?.matchLabels ?? spec.selector
      const found = selected(labels as Labels)
      t.is(found.length, 1, `${kind} ${metadata.name}`)
      if (kind !== 'Service') continue
      const ports = found.flatMap((pod) => pod.spec.containers).flatMap((container) => container.ports)
      for (const { targetPort } of spec.ports ?? [])
        t.true(
          ports.some((port) => port.name === targetPort),
          targetPort,
        )
    }
  })

  test(`${name}: the names that the settings lead to are Services`, (t) => {
    const services = new Set(objects.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name))
    const values = pods.flatMap((pod) => pod.spec.containers[0]?.env.map(({ value }) => value ?? '') ?? [])
    const names = values.flatMap((value) => [...value.matchAll(/dns(?:=|:\/\/)([\w-]+):\d+/g)].map((match) => match[1]))
    t.true(names.length > 0)
    for (const each of names) t.true(services.has(each as string), each)
  })
}

test('no manifest trusts what a pod says about its client', (t) => {
  const objects = manifests(...shared, 'mesh/nodes.yaml', 'stateless/nodes.yaml')
  const containers = objects.flatMap(({ spec }) => spec.template?.spec.containers ?? [])
  const settings = new Set(containers.flatMap(({ env }) => env.map(({ name }) => name)))
  t.true(settings.has('UPSTREAMS'))
  t.false(settings.has('TRUSTED_PROXIES'), 'the addresses of an ingress controller differ by cluster')
})

test('the mesh has as many names as pods, and they are the pods', (t) => {
  const set = manifests('mesh/nodes.yaml').find(({ kind }) => kind === 'StatefulSet') as Manifest
  const store = set.spec.template?.spec.containers[0]?.env.find(({ name }) => name === 'STORE')?.value ?? ''
  const expected = Array.from({ length: set.spec.replicas as number }, (_, index) => `${set.metadata.name}-${index}`)
  t.deepEqual(/names=([^&]*)/.exec(store)?.[1]?.split(','), expected)
})
