/** Two at once: the second cluster in a frame beside the first. It has the same users and seed, and meets the same faults. */
import { mirrored } from '../base/control.ts'
import { byId } from '../base/dom.ts'
import { word } from '../base/words.ts'
import type { LabView } from '../data/lab.ts'

export class Pair {
  readonly #lab: LabView
  readonly #frame = byId('beside', HTMLIFrameElement)

  constructor(lab: LabView) {
    this.#lab = lab
  }

  show(): void {
    const { beside } = this.#lab.facts
    const isOn = beside !== null
    mirrored.isOn = isOn
    document.body.classList.toggle('pair', isOn)
    this.#frame.hidden = !isOn
    this.#frame.title = isOn ? word('besideFrame', { name: beside }) : ''
    const source = isOn ? '/?beside' : 'about:blank'
    if (this.#frame.getAttribute('src') !== source) this.#frame.setAttribute('src', source)
  }
}
