/** Three nodes of the shop with their sessions, as `npm start` runs them. The balancer that comes with them is not used. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findStrategy } from '@ninelives/lab'
import { contestantOf, openCluster } from '../harness/cluster-under-test.ts'

export interface ShopNodes {
  readonly ports: readonly number[]
  stop(): Promise<void>
}

const STRATEGY = 'replicated'
const RESTART_AFTER_MS = 1_000

export async function shopNodes(nodes: number, seed: number): Promise<ShopNodes> {
  const strategy = findStrategy(STRATEGY)
  assert(strategy !== undefined)
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-balancer-'))
  const wishes = { nodes, users: 0, rate: 1, seed, restartAfterMs: RESTART_AFTER_MS, directory }
  const cluster = await openCluster(contestantOf(strategy), wishes)
  return {
    ports: cluster.lab.cluster.nodes.map(({ url }) => Number(new URL(url).port)),
    async stop() {
      await cluster.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
