/** An error that the user can act on: one line, and an exit code. */
export class LabError extends Error {
  readonly code: string
  readonly exitCode: number

  constructor(code: string, exitCode: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = new.target.name
    this.code = code
    this.exitCode = exitCode
  }
}

export const EXIT_BAD_INPUT = 2
export const EXIT_FAILED = 1
/** As a shell has it for SIGINT. */
export const EXIT_INTERRUPTED = 130

/** A bad command, flag, value or environment variable. The message says what is accepted. */
export class UsageError extends LabError {
  constructor(message: string) {
    super('USAGE', EXIT_BAD_INPUT, message)
  }
}

/** This machine has no store for a strategy. */
export class NoStoreError extends UsageError {
  /** Completes "it needs". */
  readonly needs: string

  constructor(strategy: string, needs: string) {
    super(`--strategy ${strategy} needs ${needs}, or try --strategy replicated`)
    this.needs = needs
  }
}

export class PortInUseError extends LabError {
  constructor(what: string, port: number, problem = 'EADDRINUSE') {
    const why = problem === 'EADDRINUSE' ? 'is in use; stop what uses it' : `can't be used (${problem})`
    super('PORT_IN_USE', EXIT_BAD_INPUT, `port ${port} for ${what} ${why}, or name another, 0 for any`)
  }
}

/** A process did not start. */
export class StartError extends LabError {
  readonly label: string
  /** Its exit code; null if a signal ended it or it was not ready in time. */
  readonly childExitCode: number | null

  constructor(label: string, reason: string, childExitCode: number | null = null) {
    super('START_FAILED', childExitCode === EXIT_BAD_INPUT ? EXIT_BAD_INPUT : EXIT_FAILED, `${label}: ${reason}`)
    this.label = label
    this.childExitCode = childExitCode
  }
}

/** A condition did not become true in time. */
export class DeadlineError extends LabError {
  constructor(what: string, deadlineMs: number) {
    super('DEADLINE', EXIT_FAILED, `waited ${deadlineMs} ms in vain for ${what}`)
  }
}

/** A request to the control API that is refused, with its answer. */
export class ApiError extends LabError {
  readonly status: number

  constructor(status: number, code: string, message: string) {
    super(code, EXIT_FAILED, message)
    this.status = status
  }
}
