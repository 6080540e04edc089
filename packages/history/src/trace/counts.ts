/** Numbers by name: of a node, or of a kind of failure. */
export type Counts = Readonly<Record<string, number>>

export function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, n) => total + n, 0)
}

/** A whole number as people read it, with commas. */
export function figure(n: number): string {
  return n.toLocaleString('en-US')
}

export function count(n: number, noun: string): string {
  return `${figure(n)} ${noun}${n === 1 ? '' : 's'}`
}
