/** HTML as a value: the parts of a template are text, and are escaped, unless they are markup themselves. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = Markup | string | number | undefined | readonly Part[]

/** Undefined parts become nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.map((text, index) => text + rendered(parts[index])).join(''))
}

/** For text of our own or of a library, never of a result. */
export function trusted(text: string): Markup {
  return new Markup(text)
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** For a script element of type application/json: nothing in it can end the element, nor begin a comment. */
export function embeddedJson(value: unknown): Markup {
  return trusted(JSON.stringify(value).replaceAll('<', '\\u003c'))
}

function rendered(part: Part): string {
  if (part === undefined) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map(rendered).join('')
  return escaped(String(part))
}
