/** What is done to the virtual users on purpose, and when, so that what they report can be held against it. */

export interface Stretch {
  readonly atMs: number
  readonly forMs: number
}

/** Instants are on the clock of the trace, which the processes share. */
export interface Plan {
  /** How long every answer is held back, and every so many of them. */
  readonly holdMs: number
  readonly longHoldMs: number
  readonly longHoldEvery: number
  /** In it no answer leaves; all of them do at its end. */
  readonly stall: Stretch
  /** In it every connection is reset, and nothing is done. */
  readonly outage: Stretch
  /** Of so many puts one is acknowledged and never there. */
  readonly loseEvery: number
  /** Of so many puts one is there twice. */
  readonly doubleEvery: number
  /** Of so many looks one finds that its session is gone for good. */
  readonly forgetEvery: number
  /** From here on nothing is lost, doubled or forgotten any more. */
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

/** Nothing but the holding back happens here: the generator is warm, and the stall has not begun. */
export function calm({ stall }: Plan): Stretch {
  return { atMs: stall.atMs - 4_000, forMs: 3_700 }
}

export function isIn({ atMs, forMs }: Stretch, instantMs: number): boolean {
  return instantMs >= atMs && instantMs < atMs + forMs
}
