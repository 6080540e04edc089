/** The figures that a run is made of. */
export const FIGURES = ['nodes', 'users', 'tabs', 'rate', 'seed'] as const
export type Figure = (typeof FIGURES)[number]
export type Bounds = Readonly<Record<Figure, { readonly min: number; readonly max: number }>>

/** What the lab can do: its strategies, a second cluster, a recording. */
export interface LabFacts {
  /** Empty if it runs one strategy only. */
  readonly strategies: readonly string[]
  /** The strategy of the second cluster. */
  readonly beside: string | null
  /** Whether proxies let edges be broken. */
  readonly edges: boolean
  /** Absent until the lab has answered. */
  readonly bounds?: Bounds
}

const UNKNOWN: LabFacts = { strategies: [], beside: null, edges: false }

export class LabView {
  facts = UNKNOWN

  /** Keeps what it has if the lab does not answer. */
  async refresh(): Promise<LabFacts> {
    try {
      const response = await fetch('/api/lab')
      if (response.ok) this.facts = (await response.json()) as LabFacts
    } catch {
      // The connection's state is shown already.
    }
    return this.facts
  }
}
