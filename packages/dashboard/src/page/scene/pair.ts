/** Two at once: the second cluster in a frame beside the first. It has the same users and seed, and meets the same faults. */
import { mirrored } from '../base/control.ts'
import { byId } from '../base/dom.ts'
import { word } from '../base/words.ts'
import type { LabView } from '../data/lab.ts'

/** Parts that stand at the same height on both sides. */
const LEVEL = ['.headline', '.stage-section']
/** As wide as the style sheet sets the two beside each other. */
const isWide = matchMedia('(min-width: 70rem)')

export class Pair {
  readonly #lab: LabView
  readonly #frame = byId('beside', HTMLIFrameElement)

  constructor(lab: LabView) {
    this.#lab = lab
    addEventListener('resize', () => this.#loosen())
  }

  show(): void {
    const { beside } = this.#lab.facts
    const isOn = beside !== null
    mirrored.isOn = isOn
    document.body.classList.toggle('pair', isOn)
    this.#frame.hidden = !isOn
    this.#frame.title = isOn ? word('besideFrame', { name: beside }) : ''
    const source = isOn ? '/?beside' : 'about:blank'
    if (this.#frame.getAttribute('src') !== source) {
      this.#loosen()
      this.#frame.setAttribute('src', source)
    }
    if (isOn && isWide.matches) this.#level()
    else if (isOn) this.#fit()
  }

  /** Below the first cluster the frame ends with the legend of its picture: what follows scrolls. */
  #fit(): void {
    const page = this.#frame.contentDocument
    const legend = page?.querySelector('.legend-row')
    if (!page || !legend) return
    const height = `${Math.ceil(legend.getBoundingClientRect().bottom + page.documentElement.scrollTop)}px`
    if (this.#frame.style.height !== height) this.#frame.style.height = height
  }

  /** Each part becomes as high as the higher one of the two. */
  #level(): void {
    for (const selector of LEVEL) {
      const parts = this.#both(selector)
      if (parts.length < 2) continue
      const height = `${Math.max(...parts.map((part) => ownHeight(part)))}px`
      for (const { style } of parts) if (style.minHeight !== height) style.minHeight = height
    }
  }

  #loosen(): void {
    for (const { style } of LEVEL.flatMap((selector) => this.#both(selector))) style.minHeight = ''
    this.#frame.style.height = ''
  }

  #both(selector: string): HTMLElement[] {
    return [document, this.#frame.contentDocument].flatMap((place) => place?.querySelector<HTMLElement>(selector) ?? [])
  }
}

/** As high as its content makes it. */
function ownHeight(part: HTMLElement): number {
  const ends = [...part.children].map((child) => (child as HTMLElement).offsetTop + (child as HTMLElement).offsetHeight)
  return Math.max(...ends) - part.offsetTop + Number.parseFloat(getComputedStyle(part).paddingBottom)
}
