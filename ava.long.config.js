/** What takes minutes and is run once before a change lands: random series, many seeds, long kill series, packed packages. */
export const LONG_TESTS = [
  'bench/test/healthy.test.ts',
  'bench/test/matrix-run.test.ts',
  'bench/test/peers.test.ts',
  'packages/balancer/test/failover/failover-matrix-undici.test.ts',
  'packages/balancer/test/hostile/fuzz.test.ts',
  'packages/balancer/test/hostile/fuzz-answers.test.ts',
  'packages/lab/test/atlas/atlas.test.ts',
  'packages/lab/test/campaign/broken-stores.test.ts',
  'packages/lab/test/campaign/never-accused.test.ts',
  'packages/lab/test/campaign/prove.test.ts',
  'packages/lab/test/cluster/servers.test.ts',
  'packages/lab/test/faults/faults-of-servers.test.ts',
  'packages/lab/test/target/prove-target.test.ts',
  'packages/sessions/test/koa/single-flight-processes.test.ts',
  'packages/sessions/test/pack.test.ts',
  'packages/sessions/test/replication/mesh-processes.test.ts',
  'packages/sessions/test/replication/quiet-processes.test.ts',
  'packages/sessions/test/simulation/variants.test.ts',
  'packages/sessions/test/stores/hybrid/hybrid-postgres-faults.test.ts',
  'packages/sessions/test/stores/redis/redis-cluster-failover.test.ts',
  'packages/sessions/test/stores/redis/redis-failover-load.test.ts',
  'test/express-connect-redis.test.ts',
  'test/floor-failover.test.ts',
  'test/floor-page.test.ts',
  'test/live-page.test.ts',
  'test/mesh-failover.test.ts',
  'test/promises-of-stores.test.ts',
  'test/redis-failover.test.ts',
]

/** `npm run test:long` */
export default { concurrency: 2, extensions: ['ts'], files: LONG_TESTS, timeout: '240s' }
