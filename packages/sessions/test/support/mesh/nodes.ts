/** A mesh of several nodes in this process, over real sockets. */
import type { ExecutionContext } from 'ava'
import { type MeshStore, meshStore, type MeshStoreOptions } from '../../../src/replication/mesh.ts'
import { peerList } from './links.ts'

export interface MeshNodes {
  /** Hands out each node once, so that closing it stops that node. */
  open(): Promise<MeshStore>
  node(name: string): MeshStore
  /** Another process, as the others see it. */
  restart(name: string): Promise<MeshStore>
}

export interface MeshNodesOptions extends Partial<MeshStoreOptions> {
  readonly names?: readonly string[]
  /** What comes before the list of peers. */
  readonly scheme?: string
}

/** Opened, and closed with the test. */
export async function meshNodes(t: ExecutionContext, options: MeshNodesOptions = {}): Promise<MeshNodes> {
  const { names = ['a', 'b', 'c'], scheme = 'replicated:?', ...more } = options
  const url = `${scheme}peers=${await peerList(names)}`
  const stores = new Map<string, MeshStore>()
  const start = async (name: string): Promise<MeshStore> => {
    const store = meshStore({ url, name, ...more })
    stores.set(name, store)
    t.teardown(() => store.close())
    await store.open()
    return store
  }
  await Promise.all(names.map(start))
  const handedOut: string[] = []
  const node = (name: string): MeshStore => {
    const store = stores.get(name)
    if (store === undefined) throw new Error(`there is no node ${name}`)
    return store
  }
  return {
    node,
    restart: start,
    async open() {
      const next = names.find((name) => !handedOut.includes(name))
      if (next === undefined) throw new Error('every node was handed out')
      handedOut.push(next)
      return node(next)
    },
  }
}
