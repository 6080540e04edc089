/** Begins scenes, and injects their faults at their times. */
import type { ClusterState } from '@ninelives/history'
import { control, inject } from '../base/control.ts'
import type { LabView } from '../data/lab.ts'
import type { PlannedFault, Scene } from './scene.ts'

export class Director {
  readonly #lab: LabView
  #due: PlannedFault[] = []
  /** The run that the faults are for; absent until it has begun. */
  #run: string | undefined
  isChanging = false

  constructor(lab: LabView) {
    this.#lab = lab
  }

  /** Faults that are still to come. */
  get due(): readonly PlannedFault[] {
    return this.#due
  }

  /** Resolves when the cluster serves; with the problem, if there is one. */
  async begin(scene: Scene): Promise<string | undefined> {
    const { beside, faults, ...run } = scene
    this.#due = []
    this.isChanging = true
    try {
      const problem =
        (await control('POST', '/api/strategy', run)) ??
        (await (beside === undefined ? this.#alone() : control('POST', '/api/beside', { ...run, strategy: beside })))
      if (problem !== undefined) return problem
      this.#run = undefined
      this.#due = [...faults]
      return undefined
    } finally {
      await this.#lab.refresh()
      this.isChanging = false
    }
  }

  /** Called now and then with the newest state. */
  direct({ run, phase }: ClusterState, readyAtMs: number | undefined, nowMs: number): void {
    if (this.#due.length === 0 || phase !== 'ready' || readyAtMs === undefined || this.isChanging) return
    this.#run ??= run
    // Another client began a run.
    if (this.#run !== run) this.#due = []
    for (let next = this.#due[0]; next !== undefined && nowMs - readyAtMs >= next.afterMs; next = this.#due[0]) {
      this.#due.shift()
      void inject(next.kind, next.target, next.options)
    }
  }

  async #alone(): Promise<string | undefined> {
    return this.#lab.facts.beside === null ? undefined : await control('DELETE', '/api/beside')
  }
}
