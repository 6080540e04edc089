/** Buttons in the middle of the ways between the parts, where proxies let the connections be broken. */
import { byId, element } from '../base/dom.ts'
import { partsText } from '../base/parts.ts'
import { word } from '../base/words.ts'
import type { Point } from './picture.ts'

export interface Way {
  /** As the lab names it, `balancer>a`. */
  readonly edge: string
  readonly from: Point
  readonly to: Point
}

export class Handles {
  readonly #root = byId('handles', HTMLElement)
  readonly #breakPart: (target: string) => void
  readonly #buttons = new Map<string, HTMLButtonElement>()

  constructor(breakPart: (target: string) => void) {
    this.#breakPart = breakPart
  }

  arrange(ways: readonly Way[]): void {
    for (const [edge, button] of this.#buttons) {
      if (ways.some((way) => way.edge === edge)) continue
      button.remove()
      this.#buttons.delete(edge)
    }
    for (const { edge, from, to } of ways) {
      const button = this.#buttons.get(edge) ?? this.#add(edge)
      button.style.left = `${(from.x + to.x) / 2}px`
      button.style.top = `${(from.y + to.y) / 2}px`
      button.ariaLabel = word('breakEdge', { edge: partsText(edge) })
    }
  }

  #add(edge: string): HTMLButtonElement {
    const button = element('button', 'handle')
    button.type = 'button'
    button.addEventListener('click', () => this.#breakPart(edge))
    this.#buttons.set(edge, button)
    this.#root.append(button)
    return button
  }
}
