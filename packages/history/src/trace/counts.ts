/** Numbers by name: of a node, or of a kind of failure. */
export type Counts = Readonly<Record<string, number>>

export function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, n) => total + n, 0)
}

export function count(n: number, noun: string): string {
  return `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`
}
