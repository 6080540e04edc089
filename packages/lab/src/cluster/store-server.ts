import type { NodeLife } from '@ninelives/history'
import type { Keeper } from '../supervise/keeper.ts'
import { type RunState, runState } from '../supervise/process-table.ts'
import type { Member } from './member.ts'
import { askRedis } from './redis.ts'

/** What the store is called as a target, and at the end of an edge. */
export const STORE = 'store'

/** The private redis-server, as something that can be broken. One of the user's own never is. */
export class StoreServer implements Member {
  readonly name = STORE
  readonly keeper: Keeper
  readonly #port: number
  #pausedPid: number | undefined

  constructor(keeper: Keeper, port: number) {
    this.keeper = keeper
    this.#port = port
  }

  get pid(): number | undefined {
    return this.keeper.pid
  }

  get life(): NodeLife {
    if (this.pid === undefined) return 'down'
    return this.pid === this.#pausedPid ? 'paused' : 'up'
  }

  async observe(): Promise<RunState> {
    const { pid } = this
    const seen = pid === undefined ? 'gone' : await runState(pid)
    this.#pausedPid = seen === 'stopped' ? pid : undefined
    return seen
  }

  /** The answer as Redis wrote it, and nothing when there is none. */
  ask(...words: readonly string[]): Promise<string> {
    return askRedis(this.#port, words)
  }
}
