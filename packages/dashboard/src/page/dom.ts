/** The element of the page with that id, of the type that is expected there. */
export function byId<E extends Element>(id: string, type: new () => E): E {
  const found = document.querySelector(`#${id}`)
  if (found instanceof type) return found
  throw new Error(`the page has no ${type.name} #${id}`)
}

/** An element with a class and content. Text is always text: nothing here reads markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.append(...content)
  return made
}

/** Writes only what changed: an untouched element keeps its selection, and says nothing to a screen reader. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text
}
