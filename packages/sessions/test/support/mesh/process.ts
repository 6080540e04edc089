/** One node of a mesh as a process of its own, driven by its parent: `node mesh-process.ts URL NAME`. */
import type { SessionKey, SessionWrite } from '../../../src/contract.ts'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { meshStore } from '../../../src/replication/mesh.ts'

/** A call by its name, its arguments as JSON brings them. */
export interface Order {
  readonly id: number
  readonly verb: 'open' | 'read' | 'write' | 'touch' | 'destroy' | 'health' | 'status' | 'close'
  readonly args: readonly unknown[]
}

export type Answer =
  | { readonly id: number; readonly value?: unknown }
  | { readonly id: number; readonly unavailable: boolean; readonly message: string }

const [, , url = '', name = ''] = process.argv
const store = meshStore({ url, name })

process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => {
  carryOut(order).then(
    (value) => answer({ id: order.id, value }),
    (error: Error) =>
      answer({
        id: order.id,
        unavailable: error instanceof StoreUnavailableError,
        message: `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`,
      }),
  )
})

function answer(answer: Answer): void {
  process.send?.(answer)
}

async function carryOut({ verb, args }: Order): Promise<unknown> {
  const [key, about] = args as [SessionKey, never]
  switch (verb) {
    case 'open':
      return store.open()
    case 'read':
      return store.read(key)
    case 'write':
      return store.write(key, about satisfies SessionWrite)
    case 'touch':
      return store.touch(key, about)
    case 'destroy':
      return store.destroy(key, about)
    case 'health':
      return store.health()
    case 'status':
      return store.status()
    case 'close':
      return store.close()
    default:
      return verb satisfies never
  }
}
