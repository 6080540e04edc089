/** What takes minutes and is run once before a change lands: random series, many seeds, long kill series, packed packages. */
const LANDING_TESTS = [
  'bench/test/healthy.test.ts',
  'bench/test/peers.test.ts',
  'packages/balancer/test/hostile/fuzz.test.ts',
  'packages/balancer/test/hostile/fuzz-answers.test.ts',
  'packages/lab/test/attached/attach.test.ts',
  'packages/lab/test/campaign/floor.test.ts',
  'packages/lab/test/campaign/prove.test.ts',
  'packages/lab/test/faults/faults-of-servers.test.ts',
  'packages/lab/test/hunt/hunt.test.ts',
  'packages/sessions/test/koa/single-flight-processes.test.ts',
  'packages/sessions/test/replication/mesh-processes.test.ts',
  'packages/sessions/test/replication/quiet-processes.test.ts',
  'packages/sessions/test/stores/redis/redis-cluster-failover.test.ts',
  'packages/sessions/test/stores/redis/redis-failover-load.test.ts',
  'test/compose.test.ts',
  'test/floor-failover.test.ts',
  'test/floor-frames.test.ts',
  'test/floor-page.test.ts',
  'test/live-page.test.ts',
  'test/mesh-failover.test.ts',
  'test/packed.test.ts',
  'test/promises-of-stores.test.ts',
  'test/redis-failover.test.ts',
  'test/shop-page.test.ts',
  'test/tutorial.test.ts',
]

/** Left out where CI has to be done within half an hour: run them by hand after a change of what they test, and before a release. */
const RELEASE_TESTS = [
  'bench/test/matrix-run.test.ts',
  'packages/balancer/test/failover/failover-matrix-undici.test.ts',
  'packages/lab/test/atlas/atlas.test.ts',
  'packages/lab/test/campaign/broken-stores.test.ts',
  'packages/lab/test/campaign/broken-things.test.ts',
  'packages/lab/test/campaign/never-accused.test.ts',
  'packages/lab/test/campaign/other-version.test.ts',
  'packages/lab/test/campaign/schedule.test.ts',
  'packages/lab/test/cluster/servers.test.ts',
  'packages/lab/test/power/full-disk-of-stores.test.ts',
  'packages/lab/test/power/power-of-stores.test.ts',
  'packages/lab/test/power/power.test.ts',
  'packages/lab/test/target/prove-target.test.ts',
  'packages/sessions/test/simulation/variants.test.ts',
  'packages/sessions/test/stores/hybrid/hybrid-postgres-faults.test.ts',
  'test/docs/site.test.ts',
  'test/express-connect-redis.test.ts',
  'test/floor-half-open.test.ts',
  'test/live-elsewhere.test.ts',
  'test/live-keys.test.ts',
  'test/live-replay.test.ts',
  'test/live-tour.test.ts',
  'test/live-visitor.test.ts',
  'test/members.test.ts',
]

export const LONG_TESTS = [...LANDING_TESTS, ...RELEASE_TESTS]

/** `npm run test:long` */
const files = process.env['CI'] === 'true' ? LANDING_TESTS : LONG_TESTS
export default { concurrency: 2, extensions: ['ts'], files, timeout: '240s' }
