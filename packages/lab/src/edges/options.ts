/** What the process of the edges is told when it starts. */

/** A proxy: where it listens, and where it leads. */
export interface ProxyOptions {
  readonly name: string
  readonly port: number
  readonly target: number
}

/** All of the proxies, and what decides their jitter. */
export interface EdgesOptions {
  readonly seed: number
  readonly edges: readonly ProxyOptions[]
}
