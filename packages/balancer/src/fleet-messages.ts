/** What the process that starts workers and the workers say to each other. All of it is JSON. */
import { ConfigError } from './config-values.ts'
import type { ConfigFault, Environment } from './config-values.ts'
import type { DecisionKind } from './decisions.ts'
import { OperationError } from './membership.ts'
import type { OperationFault } from './membership.ts'
import type { Change } from './operations.ts'

export type Question =
  | { readonly what: 'upstreams' | 'metrics' }
  | { readonly what: 'decisions'; readonly limit: number; readonly kind: DecisionKind | undefined }
  | { readonly what: 'change'; readonly change: Change }
  | { readonly what: 'reconfigure'; readonly environment: Environment }

export type ToWorker =
  /** `changes` were made before it came. */
  | { readonly type: 'start'; readonly environment: Environment; readonly changes: readonly Change[] }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  /** Another worker ejected this upstream. */
  | { readonly type: 'suspect'; readonly upstream: string }
  | { readonly type: 'stop' }

export type FromWorker =
  | { readonly type: 'ready'; readonly url: string; readonly redirectUrl?: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly fault?: Fault }
  | { readonly type: 'ejected'; readonly upstream: string }

/** An error on its way to another process. */
export type Fault =
  | { readonly of: 'config'; readonly faults: readonly ConfigFault[] }
  | { readonly of: 'operation'; readonly code: OperationFault; readonly message: string }
  | { readonly of: 'other'; readonly message: string }

export function faultOf(error: unknown): Fault {
  if (error instanceof ConfigError) return { of: 'config', faults: error.faults }
  if (error instanceof OperationError) return { of: 'operation', code: error.code, message: error.message }
  return { of: 'other', message: error instanceof Error ? error.message : String(error) }
}

export function errorOf(fault: Fault): Error {
  switch (fault.of) {
    case 'config':
      return new ConfigError(fault.faults)
    case 'operation':
      return new OperationError(fault.code, fault.message)
    case 'other':
      return new Error(fault.message)
  }
}
