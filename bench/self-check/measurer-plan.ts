/** The harm that the stub does to the virtual users, and when, to compare with their reports. */

export interface Stretch {
  readonly atMs: number
  readonly forMs: number
}

/** Instants are on the clock of the trace, which the processes share. */
export interface Plan {
  /** Delay of every answer, and of one in `longHoldEvery`. */
  readonly holdMs: number
  readonly longHoldMs: number
  readonly longHoldEvery: number
  /** Answers wait until its end. */
  readonly stall: Stretch
  /** Every connection is reset, and nothing is done. */
  readonly outage: Stretch
  /** One in this many puts is acknowledged and lost. */
  readonly loseEvery: number
  /** One in this many puts is there twice. */
  readonly doubleEvery: number
  /** One in this many looks finds its session gone. */
  readonly forgetEvery: number
  /** From here on nothing is lost, doubled or forgotten. */
  readonly harmUntilMs: number
  readonly endMs: number
}

export const USERS = 200
export const RATE = 300

export function planFrom(beganMs: number): Plan {
  return {
    holdMs: 8,
    longHoldMs: 60,
    longHoldEvery: 40,
    stall: { atMs: beganMs + 5_000, forMs: 1_200 },
    outage: { atMs: beganMs + 8_000, forMs: 800 },
    loseEvery: 60,
    doubleEvery: 75,
    forgetEvery: 110,
    harmUntilMs: beganMs + 10_500,
    endMs: beganMs + 11_000,
  }
}

const NEVER: Stretch = { atMs: 0, forMs: 0 }

/** A stub by this plan only answers. */
export const harmless: Plan = {
  holdMs: 0,
  longHoldMs: 0,
  longHoldEvery: 1,
  stall: NEVER,
  outage: NEVER,
  loseEvery: 1,
  doubleEvery: 1,
  forgetEvery: 1,
  harmUntilMs: 0,
  endMs: 0,
}

/** Here answers are only delayed: the generator is warm, and the stall has not begun. */
export function calm({ stall }: Plan): Stretch {
  return { atMs: stall.atMs - 4_000, forMs: 3_700 }
}

export function isIn({ atMs, forMs }: Stretch, instantMs: number): boolean {
  return instantMs >= atMs && instantMs < atMs + forMs
}
