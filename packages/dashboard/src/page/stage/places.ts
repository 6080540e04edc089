/**
 * Where each user's dot belongs: the yard of a node, the tray of users who were logged out, or that of users between visits. A yard's
 * places form a spiral like the seeds of a sunflower; a user that comes takes the place that was left last, so few dots move.
 */
export interface Yard {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5))
const RADIUS_MAX = 9
const RADIUS_MIN = 0.9
/** How much of a place the dot fills. */
const FILL = 0.36
/** The widest spacing, in radiuses. */
const SPACING_MAX = 3.3

export class Places {
  #users = 0
  /** By yard: the users by place, and the places that were left. */
  readonly #free: number[][] = []
  readonly #next: number[] = []
  readonly yardOf: number[] = []
  readonly #placeOf: number[] = []

  /** Moves the user; true if it was elsewhere. */
  put(user: number, yard: number): boolean {
    const before = this.yardOf[user]
    if (before === yard) return false
    if (before !== undefined && before >= 0) (this.#free[before] ??= []).push(this.#placeOf[user] ?? 0)
    this.yardOf[user] = yard
    this.#users = Math.max(this.#users, user + 1)
    const free = this.#free[yard]?.pop()
    this.#placeOf[user] = free ?? this.#next[yard] ?? 0
    if (free === undefined) this.#next[yard] = (this.#next[yard] ?? 0) + 1
    return true
  }

  clear(): void {
    for (const list of [this.yardOf, this.#placeOf, this.#free, this.#next]) list.length = 0
    this.#users = 0
  }

  placeOf(user: number): number {
    return this.#placeOf[user] ?? 0
  }
}

/** The radius of a dot, if so many have to fit. */
export function radiusFor(yard: Yard, users: number): number {
  const each = Math.sqrt((Math.PI * yard.width * yard.height) / 4 / Math.max(1, users))
  return Math.min(RADIUS_MAX, Math.max(RADIUS_MIN, each * FILL))
}

/** The nearest places of the spiral are further apart, where a place takes the room of a disc with the radius 1. */
const NEAREST = 1.5

/** The largest radius with which no two dots touch: the shorter side of a yard squeezes the spiral. */
export function clearRadius({ width, height }: Yard, users: number, radius: number): number {
  const all = Math.max(1, users)
  const wide = Math.sqrt((Math.PI * width * height) / 4 / all)
  const scale = Math.min(1, (SPACING_MAX * radius) / wide)
  const apart = (NEAREST * scale * (Math.min(width, height) / 2 - radius)) / Math.sqrt(all)
  return Math.min(radius, apart / 2)
}

/** The middle of a place. */
export function placeAt(
  yard: Yard,
  place: number,
  users: number,
  radius: number,
  into: Float32Array,
  at: number,
): void {
  const wide = Math.sqrt((Math.PI * yard.width * yard.height) / 4 / Math.max(1, users))
  const scale = Math.min(1, (SPACING_MAX * radius) / wide)
  const r = Math.sqrt((place + 0.5) / Math.max(1, users)) * scale
  const angle = place * GOLDEN_ANGLE
  into[at] = yard.x + yard.width / 2 + r * (yard.width / 2 - radius) * Math.cos(angle)
  into[at + 1] = yard.y + yard.height / 2 + r * (yard.height / 2 - radius) * Math.sin(angle)
}
