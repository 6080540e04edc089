/** A mesh of nodes, each a process of its own, for as long as a measurement takes. */
import { freePorts } from '@ninelives/lab'
import type { Question, Ready, Usage } from './questions.ts'
import { type Worker, worker } from '../harness/processes/worker.ts'

export type Mode = 'replicated' | 'clustered'

export interface MeshCluster {
  readonly nodes: readonly Worker<Ready>[]
  /** All of them at the same time. */
  ask<Answer>(question: Question): Promise<Answer[]>
  /** The sums over all nodes. */
  usage(): Promise<Usage>
  /** A fresh process in the place of that node, which is killed. */
  replace(index: number): Promise<Worker<Ready>>
  stop(): void
}

const NODE_NAMES = 'abcdefghijkl'
const BACKUPS = 2

export async function meshCluster(mode: Mode, count: number): Promise<MeshCluster> {
  const ports = await freePorts(count)
  const names = ports.map((_, index) => NODE_NAMES.charAt(index))
  const peers = names.map((name, index) => `${name}=127.0.0.1:${ports[index]}`).join(',')
  const url = `${mode}:?openTimeoutMs=60000&${mode === 'clustered' ? `copies=${BACKUPS}&` : ''}peers=${peers}`
  const start = (index: number): Promise<Worker<Ready>> =>
    worker<Ready>({
      name: `node ${names[index]} of ${count}, ${mode}`,
      file: new URL('node.ts', import.meta.url),
      args: [url, names[index] ?? '', names.join()],
      nodeOptions: ['--expose-gc'],
    })
  const nodes = await Promise.all(names.map((_, index) => start(index)))
  const ask = <Answer>(question: Question): Promise<Answer[]> =>
    Promise.all(nodes.map((node) => node.ask<Answer>(question)))
  return {
    nodes,
    ask,
    async usage() {
      const all = await ask<Usage>({ ask: 'usage' })
      const sum = (of: (usage: Usage) => number): number => all.reduce((sum, usage) => sum + of(usage), 0)
      return {
        cpuMicros: sum((usage) => usage.cpuMicros),
        sentBytes: sum((usage) => usage.sentBytes),
        sessions: sum((usage) => usage.sessions),
      }
    },
    async replace(index) {
      nodes[index]?.stop()
      return (nodes[index] = await start(index))
    },
    stop() {
      for (const node of nodes) node.stop()
    },
  }
}
