/**
 * Counters and histograms for every request. The Prometheus client builds a text from the labels at each count, which costs more than
 * routing the request. Here a count increments a number, and the client collects the numbers when its metrics are scraped.
 */
import { Counter, Histogram } from '@prometheus-io/client'
import type { Registry } from '@prometheus-io/client'

export interface Cell {
  value: number
}

/** One cell for each set of values that the labels have had. */
export class Counted {
  readonly #cells = new Map<string, Map<string, Cell>>()

  /** At most two labels: that is as deep as a lookup goes. */
  constructor(registry: Registry, name: string, help: string, labelNames: readonly [string, string?]) {
    const [one, two] = labelNames
    const cells = this.#cells
    // The counter reads the cells when it is asked, and is kept by its registry.
    void new Counter<string>({
      name,
      help,
      labelNames: two === undefined ? [one] : [one, two],
      registers: [registry],
      collect() {
        this.reset()
        for (const [first, seconds] of cells) {
          for (const [second, { value }] of seconds) {
            this.inc(two === undefined ? { [one]: first } : { [one]: first, [two]: second }, value)
          }
        }
      },
    })
  }

  add(first: string, second = ''): void {
    const cells = this.#cells.get(first)
    const cell = cells?.get(second)
    if (cell !== undefined) cell.value += 1
    else if (cells === undefined) this.#cells.set(first, new Map([[second, { value: 1 }]]))
    else cells.set(second, { value: 1 })
  }

  /** Drops the cells of an upstream that is gone. */
  forget(first: string): void {
    this.#cells.delete(first)
  }
}

/** From the latency of a node on the same machine to the time after which a user gives up. */
const BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const BOUNDS_MS = BOUNDS_S.map((seconds) => seconds * 1_000)

interface Series {
  readonly buckets: Float64Array
  sumMs: number
}

type HistogramValues = Awaited<ReturnType<Histogram<string>['get']>>['values']

/** The client's histogram takes single values only; this one gives whole series. */
class SeriesHistogram extends Histogram<string> {
  readonly #series: ReadonlyMap<string, Series>
  readonly #name: string
  readonly #label: string

  constructor(registry: Registry, name: string, help: string, label: string, series: ReadonlyMap<string, Series>) {
    super({ name, help, labelNames: [label], buckets: BOUNDS_S, registers: [registry] })
    this.#name = name
    this.#label = label
    this.#series = series
  }

  override async get(): ReturnType<Histogram<string>['get']> {
    return {
      ...(await super.get()),
      values: [...this.#series].flatMap(([label, series]) => this.#values(label, series)),
    }
  }

  #values(label: string, { buckets, sumMs }: Series): HistogramValues {
    const labels = { [this.#label]: label }
    let count = 0
    const values: HistogramValues = Array.from(buckets, (bucket, index) => {
      count += bucket
      const metricName = `${this.#name}_bucket`
      return { metricName, labels: { ...labels, le: BOUNDS_S[index] ?? '+Inf' }, value: count }
    })
    values.push({ metricName: `${this.#name}_sum`, labels, value: sumMs / 1_000 })
    values.push({ metricName: `${this.#name}_count`, labels, value: count })
    return values
  }
}

/** A histogram of durations, by one label. */
export class Durations {
  readonly #series = new Map<string, Series>()

  constructor(registry: Registry, name: string, help: string, label: string) {
    void new SeriesHistogram(registry, name, help, label, this.#series)
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
}
