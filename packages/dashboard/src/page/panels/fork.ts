/** In a recording nothing can be broken: an action tells how a live cluster in the state that is shown begins. */
import { byId, setText } from '../base/dom.ts'
import { recording } from '../base/control.ts'
import { partsText } from '../base/parts.ts'
import { duration, word } from '../base/words.ts'
import type { Player } from '../data/player.ts'
import type { Timeline } from '../data/timeline.ts'
import { kindName } from '../time/time.ts'
import { commandOf, faultsOf, linkOf, type PlannedFault, type Scene, sceneNow } from '../scene/scene.ts'

/** Where `npm start` serves its page. */
const LIVE_PAGE = 'http://127.0.0.1:4000'

export class Fork {
  readonly #timeline: Timeline
  readonly #player: Player
  readonly #dialog = byId('fork', HTMLDialogElement)

  constructor(timeline: Timeline, player: Player) {
    this.#timeline = timeline
    this.#player = player
    byId('fork-open', HTMLButtonElement).addEventListener('click', () => this.#open())
    for (const part of ['command', 'link'])
      byId(`fork-${part}-copy`, HTMLButtonElement).addEventListener(
        'click',
        () => void navigator.clipboard.writeText(byId(`fork-${part}`, HTMLElement).textContent ?? ''),
      )
  }

  /** From here on the page shows a recording. */
  begin(): void {
    document.body.dataset['recorded'] = 'true'
    recording.fork = (fault) => this.#open(fault)
  }

  #open(asked?: { readonly kind: string; readonly target: string }): void {
    if (this.#dialog.open) return
    this.#player.pause()
    const scene = this.#scene(asked)
    setText(byId('fork-faults', HTMLElement), toldFaults(scene.faults))
    setText(byId('fork-command', HTMLElement), commandOf(scene))
    const link = byId('fork-link', HTMLAnchorElement)
    link.href = `${LIVE_PAGE}/#${linkOf(scene)}`
    setText(link, link.href)
    this.#dialog.showModal()
  }

  #scene(asked: { readonly kind: string; readonly target: string } | undefined): Scene {
    const { state } = this.#player.moment
    const atMs = this.#player.atMs ?? state.atMs
    const events = this.#timeline.eventsUntil(atMs)
    const readyAtMs = events.find(({ type }) => type === 'cluster-ready')?.atMs ?? atMs
    const hasEdges = events.some((event) => event.type === 'process-up' && event.process === 'edges')
    const { kind, target, ...options } = asked ?? { kind: '', target: '' }
    const more = asked === undefined ? [] : [{ kind, target, afterMs: atMs - readyAtMs, options }]
    return { ...sceneNow(state, hasEdges), faults: [...faultsOf(events), ...more] }
  }
}

function toldFaults(faults: readonly PlannedFault[]): string {
  if (faults.length === 0) return word('forkNoFaults')
  return faults
    .map(({ kind, target, afterMs }) =>
      word('plannedFault', { kind, name: kindName(kind), target: partsText(target), time: duration(afterMs) }),
    )
    .join(', ')
}
