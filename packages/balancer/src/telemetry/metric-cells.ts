/**
 * Counters and histograms whose values are numbers in place. prom-client looks a set of labels up by a text that it builds each
 * time, which on the way of every request is more work than routing it; here whoever counts keeps the cell, and the text is
 * made when somebody reads.
 */
import type { Metric, Registry } from 'prom-client'

export interface Cell {
  value: number
}

interface Value {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

type Labels = readonly string[]

/** One cell for each set of values that the labels have had. */
export class Counted {
  readonly #labelNames: Labels
  readonly #cells = new Map<string, Map<string, Cell>>()

  /** At most two labels: that is as deep as a lookup goes. */
  constructor(registry: Registry, name: string, help: string, labelNames: readonly [string, string?]) {
    this.#labelNames = labelNames.filter((label) => label !== undefined)
    register(registry, { name, help, type: 'counter', values: () => this.#values() })
  }

  add(first: string, second = ''): void {
    const cells = this.#cells.get(first)
    const cell = cells?.get(second)
    if (cell !== undefined) cell.value += 1
    else if (cells === undefined) this.#cells.set(first, new Map([[second, { value: 1 }]]))
    else cells.set(second, { value: 1 })
  }

  /** Of what is no more, so that names that come and go don't pile up. */
  forget(first: string): void {
    this.#cells.delete(first)
  }

  #values(): Value[] {
    const [one = '', two] = this.#labelNames
    return [...this.#cells].flatMap(([first, cells]) =>
      [...cells].map(([second, { value }]) => ({
        labels: two === undefined ? { [one]: first } : { [one]: first, [two]: second },
        value,
      })),
    )
  }
}

/** In seconds, from what a node on the same machine needs to what somebody gives up at. */
const BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const BOUNDS_MS = BOUNDS_S.map((seconds) => seconds * 1_000)

interface Series {
  readonly buckets: Float64Array
  sumMs: number
}

/** A histogram of durations, by one label. */
export class Durations {
  readonly #name: string
  readonly #label: string
  readonly #series = new Map<string, Series>()

  constructor(registry: Registry, name: string, help: string, label: string) {
    this.#name = name
    this.#label = label
    register(registry, { name, help, type: 'histogram', values: () => this.#values() })
  }

  observe(label: string, ms: number): void {
    let series = this.#series.get(label)
    if (series === undefined) {
      series = { buckets: new Float64Array(BOUNDS_MS.length + 1), sumMs: 0 }
      this.#series.set(label, series)
    }
    let index = 0
    while (index < BOUNDS_MS.length && ms > (BOUNDS_MS[index] ?? Infinity)) index += 1
    series.buckets[index] = (series.buckets[index] ?? 0) + 1
    series.sumMs += ms
  }

  forget(label: string): void {
    this.#series.delete(label)
  }

  #values(): Value[] {
    return [...this.#series].flatMap(([label, series]) => this.#seriesValues({ [this.#label]: label }, series))
  }

  #seriesValues(labels: Value['labels'], { buckets, sumMs }: Series): Value[] {
    const metricName = `${this.#name}_bucket`
    const values: Value[] = []
    let count = 0
    for (const [index, bucket] of buckets.entries()) {
      count += bucket
      values.push({ metricName, labels: { ...labels, le: BOUNDS_S[index] ?? '+Inf' }, value: count })
    }
    values.push({ metricName: `${this.#name}_sum`, labels, value: sumMs / 1_000 })
    values.push({ metricName: `${this.#name}_count`, labels, value: count })
    return values
  }
}

interface Source {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'histogram'
  readonly values: () => Value[]
}

/** To a registry a metric is what can be asked for its values; several processes' are summed. */
function register(registry: Registry, { name, help, type, values }: Source): void {
  const get = async () => ({ name, help, type, values: values(), aggregator: 'sum' as const })
  registry.registerMetric({ name, help, get, reset() {} } as unknown as Metric)
}
