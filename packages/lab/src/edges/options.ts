/** The edge process' command-line argument, as JSON. */

/** A proxy: the port on which it listens, and the port to which it leads. */
export interface ProxyOptions {
  readonly name: string
  readonly port: number
  readonly target: number
}

/** All proxies, and the seed of their jitter. */
export interface EdgesOptions {
  readonly seed: number
  readonly edges: readonly ProxyOptions[]
}
