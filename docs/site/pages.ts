/** Where each Markdown file of the repository is on the site, and where its links lead there. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Files that readers open as they are; they are copied to the site. Others, such as sources, are on the site by their names alone. */
const COPIED = /\.(html|yaml|svg)$/

export interface SidebarSection {
  readonly text: string
  readonly items: readonly { readonly text: string; readonly link: string }[]
}

/** Of a file by its path in the repository: the page's file in the site. `docs/` is the site's own root, and a README its folder's index. */
export function pageOf(path: string): string {
  if (path === 'docs/README.md') return 'all-pages.md'
  return path.replace(/^docs\//, '').replace(/(^|\/)README\.md$/, '$1index.md')
}

/** As browsers ask for it. */
export function urlOf(path: string): string {
  return `/${pageOf(path)}`.replace(/index\.md$/, '').replace(/\.md$/, '.html')
}

export type Destination =
  | { readonly kind: 'page'; readonly url: string }
  | { readonly kind: 'file'; readonly url: string; readonly path: string }
  /** The site has nothing there. */
  | { readonly kind: 'none' }

/** Where a relative link of a page leads. */
export function destinationOf(page: string, link: string): Destination {
  const [target = '', anchor] = link.split('#', 2)
  const hash = anchor === undefined ? '' : `#${anchor}`
  if (target === '') return { kind: 'page', url: hash }
  const path = posix.join(posix.dirname(page), decodeURIComponent(target)).replace(/\/$/, '')
  if (path.endsWith('.md')) return { kind: 'page', url: urlOf(path) + hash }
  const file = join(ROOT, path)
  if (existsSync(file) && statSync(file).isDirectory()) {
    const index = `${path}/README.md`
    return existsSync(join(ROOT, index)) ? { kind: 'page', url: urlOf(index) + hash } : { kind: 'none' }
  }
  return COPIED.test(path) ? { kind: 'file', url: `/${path}`, path } : { kind: 'none' }
}

/** The sections of a list of pages, `docs/README.md` or a translation of it, with the first link of each line. */
export function sidebarOf(list: string): SidebarSection[] {
  const sections = readFileSync(join(ROOT, list), 'utf8').split(/^## /m).slice(1)
  return sections.map((section) => {
    const [text = '', ...lines] = section.split('\n')
    const items = lines.flatMap((line) => {
      const [, title = '', link] = /^- \[([^\]]+)\]\(([^)]+)\)/.exec(line) ?? []
      const destination = link === undefined ? undefined : destinationOf(list, link)
      return destination?.kind === 'page' ? [{ text: title, link: destination.url }] : []
    })
    return { text: text.trim(), items }
  })
}

/** As code hosts name the anchor of a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

export function pathInRepository(file: string): string {
  return relative(ROOT, file).split('\\').join('/')
}
