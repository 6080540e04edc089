/** Pause, a slider over all that is known, and the jump from anomaly to anomaly. */
import { recording } from '../base/control.ts'
import { byId, setText } from '../base/dom.ts'
import { word } from '../base/words.ts'
import type { Player } from '../data/player.ts'
import type { Timeline } from '../data/timeline.ts'
import type { Anomalies } from './anomalies.ts'
import { clock } from './chart.ts'

const STEP_MS = 1_000
/** An anomaly is shown with the beat that tells what became of its user. */
const TOLD_AFTER_MS = 300

export class Transport {
  readonly #player: Player
  readonly #timeline: Timeline
  readonly #anomalies: Anomalies
  /** Where the last jump went, and the anomaly's own time. */
  #jump = { toMs: -1, atMs: -1 }
  readonly #slider = byId('scrub', HTMLInputElement)

  constructor(player: Player, timeline: Timeline, anomalies: Anomalies) {
    this.#player = player
    this.#timeline = timeline
    this.#anomalies = anomalies
    byId('pause', HTMLButtonElement).addEventListener('click', () => this.toggle())
    byId('to-live', HTMLButtonElement).addEventListener('click', () => this.live())
    byId('anomaly-next', HTMLButtonElement).addEventListener('click', () => this.jump(true))
    byId('anomaly-before', HTMLButtonElement).addEventListener('click', () => this.jump(false))
    this.#slider.addEventListener('input', () => player.seek(Number(this.#slider.value)))
  }

  toggle(): void {
    if (this.#player.isPlaying || this.#player.isLive) this.#player.pause()
    else this.#player.play()
  }

  live(): void {
    this.#player.live()
    this.#anomalies.follow()
  }

  step(by: number): void {
    this.#player.seek((this.#player.atMs ?? this.#timeline.head.atMs) + by * STEP_MS)
  }

  jump(isNext: boolean): void {
    const { head } = this.#timeline
    const shownMs = this.#player.atMs ?? (isNext ? 0 : head.atMs)
    const fromMs = shownMs === this.#jump.toMs ? this.#jump.atMs : shownMs
    const found = this.#anomalies.pick(head, fromMs, isNext)
    if (found === undefined) return
    this.#player.seek(found.atMs + TOLD_AFTER_MS)
    this.#jump = { toMs: this.#player.atMs ?? -1, atMs: found.atMs }
  }

  show(startedAtMs: number): void {
    const { head, fromMs } = this.#timeline
    const { isLive, isPlaying, atMs = head.atMs } = this.#player
    const runs = isLive || isPlaying
    const pause = byId('pause', HTMLButtonElement)
    pause.dataset['state'] = runs ? 'runs' : 'stands'
    setText(pause, word(runs ? 'pauseTime' : 'playTime'))
    const toLive = byId('to-live', HTMLButtonElement)
    toLive.hidden = isLive
    setText(toLive, word(recording.fork === undefined ? 'toLive' : 'toEnd'))
    const count = head.anomalies.length
    byId('anomaly-next', HTMLButtonElement).disabled = count === 0
    byId('anomaly-before', HTMLButtonElement).disabled = count === 0
    document.body.dataset['past'] = String(!isLive)
    this.#slider.min = String(Math.floor(fromMs))
    this.#slider.max = String(Math.ceil(head.atMs))
    this.#slider.value = String(atMs)
    this.#slider.ariaValueText = clock(startedAtMs + atMs)
  }
}
