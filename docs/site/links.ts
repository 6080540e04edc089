/** Makes the links of the repository's Markdown lead to the site's pages, whatever folder a page has there. */
import { destinationOf, pathInRepository } from './pages.ts'

interface Token {
  type: string
  info: string
  readonly children: Token[] | null
  attrGet(name: string): string | null
  attrSet(name: string, value: string): void
}

interface Markdown {
  readonly core: {
    readonly ruler: {
      push(
        name: string,
        rule: (state: { readonly tokens: Token[]; readonly env: { realPath?: string; path?: string } }) => void,
      ): void
    }
  }
}

/** Files that pages link to and that are copied beside them, by their paths in the repository. */
export const linkedFiles = new Set<string>()

export function siteLinks(markdown: Markdown): void {
  markdown.core.ruler.push('site-links', ({ tokens, env }) => {
    const page = pathInRepository(env.realPath ?? env.path ?? '')
    for (const token of tokens) {
      // An indented block looks like a fenced one.
      if (token.type === 'code_block') Object.assign(token, { type: 'fence', info: 'text', markup: '```' })
      if (token.children !== null) token.children.splice(0, token.children.length, ...rewritten(token.children, page))
    }
  })
}

/** Without the links that lead to nothing on the site: their text stays. */
function rewritten(tokens: readonly Token[], page: string): Token[] {
  let isDropped = false
  return tokens.filter((token) => {
    if (token.type === 'link_close') return !isDropped
    if (token.type !== 'link_open') return true
    const link = token.attrGet('href') ?? ''
    isDropped = false
    if (/^[a-z]+:/i.test(link)) return true
    const destination = destinationOf(page, link)
    isDropped = destination.kind === 'none'
    if (destination.kind === 'none') return false
    token.attrSet('href', destination.url)
    if (destination.kind === 'file') {
      linkedFiles.add(destination.path)
      token.attrSet('target', '_self')
    }
    return true
  })
}
