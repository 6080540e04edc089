/** The element with that id, checked to be of that type. */
export function byId<E extends Element>(id: string, type: new () => E): E {
  const found = document.querySelector(`#${id}`)
  if (found instanceof type) return found
  throw new Error(`the page has no ${type.name} #${id}`)
}

/** An element with a class and content. Text is never parsed as markup. */
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

/** Writes only a changed text, so that an unchanged element keeps its selection and a screen reader stays silent. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text
}
