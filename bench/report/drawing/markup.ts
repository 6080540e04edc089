/** HTML as a value: what is put into a template is text, and is escaped, unless it is markup itself. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = Markup | string | number | undefined | readonly Part[]

/** Absent parts leave nothing behind. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.map((text, index) => text + rendered(parts[index])).join(''))
}

/** Of our own making or a library's, never of what a result says. */
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
