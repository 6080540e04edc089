import type { BenchScenario } from './scenario.ts'

export const rollingDeploy: BenchScenario = {
  name: 'rolling-deploy',
  summary: 'every node is asked to leave and comes back, one after the other',
  breaks: 'rolling',
}
