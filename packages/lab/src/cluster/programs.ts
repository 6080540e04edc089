import { fileURLToPath } from 'node:url'

/** The files of the programs that a cluster runs. */
export interface Programs {
  readonly node: string
  readonly balancer: string
  readonly users: string
}

export function ownPrograms(): Programs {
  return {
    node: fileURLToPath(import.meta.resolve('@ninelives/node/main')),
    balancer: fileURLToPath(import.meta.resolve('@ninelives/balancer/main')),
    users: fileURLToPath(new URL('../users/main.ts', import.meta.url)),
  }
}
