/** Time as an argument, so that a test or a simulation can hold it. */
export interface Clock {
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }
