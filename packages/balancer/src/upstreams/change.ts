/** A change of the upstreams that an operator asks for. It is data, so that it can be sent to another process. */

export type Change =
  /** As in UPSTREAMS. */
  | { readonly do: 'add'; readonly upstream: string }
  | { readonly do: 'weigh'; readonly name: string; readonly weight: number }
  | { readonly do: 'drain' | 'remove'; readonly name: string; readonly withinMs?: number }
  | { readonly do: 'resume'; readonly name: string }

export type OperationFault = 'INVALID' | 'BODY_TOO_LARGE' | 'NOT_FOUND' | 'NAME_TAKEN' | 'NOT_SUPPORTED'

/** What was asked for can't be done. */
export class OperationError extends Error {
  readonly code: OperationFault

  constructor(code: OperationFault, message: string) {
    super(message)
    this.name = 'OperationError'
    this.code = code
  }
}
