/** Which instant is shown: the newest one, or one of the past, which stands still or goes on from there. */
import type { Message, Moment } from './moment.ts'
import type { Timeline } from './timeline.ts'

export class Player {
  readonly #timeline: Timeline
  /** The past that is shown; absent while it is the newest. */
  #past: { moment: Moment; after: number; atMs: number } | undefined
  #isPlaying = false
  /** True once after a jump. */
  #hasJumped = true

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  get moment(): Moment {
    return this.#past?.moment ?? this.#timeline.head
  }

  get isLive(): boolean {
    return this.#past === undefined
  }

  get isPlaying(): boolean {
    return this.#isPlaying
  }

  /** The time that is shown; absent while it is the newest. */
  get atMs(): number | undefined {
    return this.#past?.atMs
  }

  jumped(): void {
    this.#hasJumped = true
  }

  takeJump(): boolean {
    const had = this.#hasJumped
    this.#hasJumped = false
    return had
  }

  seek(ms: number): void {
    const { fromMs, head } = this.#timeline
    const atMs = Math.min(Math.max(ms, fromMs), head.atMs)
    this.#past = { ...this.#timeline.at(atMs), atMs }
    this.#hasJumped = true
  }

  pause(): void {
    if (this.#past === undefined) this.seek(this.#timeline.head.atMs)
    this.#isPlaying = false
  }

  play(): void {
    this.#isPlaying = this.#past !== undefined
  }

  live(): void {
    if (this.#past === undefined) return
    this.#past = undefined
    this.#isPlaying = false
    this.#hasJumped = true
  }

  /** Goes on from the past; returns the messages that were passed. */
  advance(elapsedMs: number): readonly Message[] {
    const past = this.#past
    if (past === undefined || !this.#isPlaying) return []
    if (past.after < this.#timeline.firstIndex) {
      // It stood still for so long that what follows is forgotten.
      this.seek(past.atMs)
      return []
    }
    past.atMs += elapsedMs
    const passed: Message[] = []
    for (;;) {
      const next = this.#timeline.message(past.after)
      if (next === undefined || next.atMs > past.atMs) break
      past.moment.apply(next)
      past.after++
      passed.push(next)
    }
    if (past.atMs >= this.#timeline.head.atMs) this.live()
    return passed
  }
}
