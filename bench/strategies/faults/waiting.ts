/** Waits of users: from the instant at which a failed operation was due to the end of the next good one. */

/** An operation, from the instant at which it was due to its end; one that never ended has none. */
export interface UserOperation {
  readonly user: string
  readonly dueAtMs: number
  /** How much later the generator sent it than it could have. */
  readonly lateMs: number
  readonly endedAtMs?: number
  readonly isOk: boolean
}

export interface Waiting {
  /** The longest single wait of a user. */
  readonly longestMs: number
  /** Of all users; overlapping waits of one user's tabs count once. */
  readonly userSeconds: number
}

interface Stretch {
  readonly fromMs: number
  toMs: number
}

/** `toMs` ends open waits. A good answer that took longer than `usualMs` is a wait as well. */
export function waiting(operations: readonly UserOperation[], toMs: number, usualMs: number): Waiting {
  const stretches = [...Map.groupBy(operations, ({ user }) => user).values()].flatMap((own) =>
    united(stretchesOf(own, toMs, usualMs)),
  )
  const lengths = stretches.map((stretch) => stretch.toMs - stretch.fromMs)
  return { longestMs: Math.max(0, ...lengths), userSeconds: lengths.reduce((sum, each) => sum + each, 0) / 1_000 }
}

function stretchesOf(own: readonly UserOperation[], toMs: number, usualMs: number): Stretch[] {
  const good = own.flatMap(({ isOk, endedAtMs }) => (isOk && endedAtMs !== undefined ? [endedAtMs] : []))
  good.sort((one, other) => one - other)
  return own.flatMap(({ dueAtMs, isOk, endedAtMs = toMs }) => {
    if (isOk) return endedAtMs - dueAtMs > usualMs ? [{ fromMs: dueAtMs, toMs: Math.min(toMs, endedAtMs) }] : []
    // A good answer in another tab before this failure does not end the wait.
    const nextMs = good.find((atMs) => atMs >= endedAtMs) ?? toMs
    return [{ fromMs: dueAtMs, toMs: Math.min(toMs, nextMs) }]
  })
}

function united(stretches: readonly Stretch[]): Stretch[] {
  const result: Stretch[] = []
  for (const { fromMs, toMs } of stretches.toSorted((one, other) => one.fromMs - other.fromMs)) {
    const last = result.at(-1)
    if (last === undefined || last.toMs < fromMs) result.push({ fromMs, toMs })
    else last.toMs = Math.max(last.toMs, toMs)
  }
  return result
}
