import { halfAndHalf } from './half-and-half.ts'
import { liveSessions } from './live-sessions.ts'
import { nodeCounts } from './node-counts.ts'
import { readMostly } from './read-mostly.ts'
import { rollingDeploy } from './rolling-deploy.ts'
import type { BenchScenario } from './scenario.ts'
import { sessionSizes } from './session-sizes.ts'
import { slowStore } from './slow-store.ts'
import { storeFailover } from './store-failover.ts'
import { tabs } from './tabs.ts'
import { writeHeavy } from './write-heavy.ts'

export type { BenchScenario } from './scenario.ts'

export const scenarios: readonly BenchScenario[] = [
  halfAndHalf,
  readMostly,
  writeHeavy,
  tabs,
  ...sessionSizes,
  ...liveSessions,
  ...nodeCounts,
  rollingDeploy,
  storeFailover,
  slowStore,
]

export const DEFAULT_SCENARIO = halfAndHalf.name
