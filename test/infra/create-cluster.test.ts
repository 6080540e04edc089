/** The script that makes the Redis Cluster of compose ends with a reason where the servers do not come together. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { scratch } from '../../packages/lab/test/fixtures/open-lab.ts'

const program = fileURLToPath(new URL('../../infra/redis/create-cluster.sh', import.meta.url))

const PING = '[[ $* == *ping ]] && exec echo PONG'

/** Runs the script with a redis-cli that answers by these lines of bash, and without time to wait. */
function create(t: ExecutionContext, redisCli: string): { status: number | null; stdout: string; stderr: string } {
  const folder = scratch(t)
  for (const [name, body] of [
    ['redis-cli', redisCli],
    ['getent', 'echo "10.0.0.1 $2"'],
    ['timeout', 'exec "${@:2}"'],
  ])
    writeFileSync(`${folder}/${name}`, `#!/bin/bash\n${body}\n`, { mode: 0o755 })
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, WAIT_S: '0' }
  return spawnSync('bash', [program], { encoding: 'utf8', env })
}

test('servers that answer are made one Cluster, and introduced again at a later start', (t) => {
  const made = create(t, `${PING}; printf 'cluster_known_nodes:1\\r\\ncluster_state:ok\\r\\n'`)
  t.is(made.status, 0, made.stderr)
  t.is(made.stdout, 'the Cluster is ready\n')
  const introduced = create(t, `${PING}; [[ $* != *create* ]] && echo cluster_state:ok`)
  t.is(introduced.status, 0, introduced.stderr)
})

test('a server that does not answer is named', (t) => {
  const { status, stderr } = create(t, '[[ $2 != cluster-3 ]] && echo PONG')
  t.is(status, 1)
  t.is(stderr, 'cluster-3 did not answer within 0 s; its log says why: docker compose logs cluster-3\n')
})

test('a Cluster that was made by half is told with what begins again', (t) => {
  const remedy = /interrupted while the Cluster was being made\..*\nSTRATEGY=cluster docker compose down -v\n$/
  const halfMade = create(t, `${PING}; echo cluster_state:fail`)
  t.is(halfMade.status, 1)
  t.regex(halfMade.stderr, /^The Cluster does not serve all its slots after 0 s\./)
  t.regex(halfMade.stderr, remedy)

  const refused = create(
    t,
    `${PING}; [[ $* != *create* ]] && exec printf 'cluster_known_nodes:1\\r\\n'; echo '[ERR] Node is not empty'; exit 1`,
  )
  t.is(refused.status, 1)
  t.regex(refused.stderr, /^The Cluster could not be made:\n\[ERR\] Node is not empty\n/)
  t.regex(refused.stderr, remedy)
})
