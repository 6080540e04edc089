/** Counts exchanges or tunnels in flight, and tells when none is left. */
export interface InFlight {
  entered(): void
  left(): void
  /** Resolves when none is in flight, or after `limitMs`. */
  settled(limitMs: number): Promise<void>
}

export function inFlight(): InFlight {
  let count = 0
  let onNone: (() => void) | undefined
  return {
    entered() {
      count += 1
    },
    left() {
      count -= 1
      if (count === 0) onNone?.()
    },
    async settled(limitMs) {
      if (count === 0) return
      const none = Promise.withResolvers<void>()
      onNone = none.resolve
      const timer = setTimeout(none.resolve, limitMs)
      await none.promise
      clearTimeout(timer)
    },
  }
}
