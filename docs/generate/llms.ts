/** llms.txt: one line for each page, for programs that read documentation; see llmstxt.org. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './source.ts'

/** In this order; a page is listed under the first that has it. */
const SECTIONS: readonly (readonly [title: string, pages: readonly string[]])[] = [
  ['Tutorial', ['docs/tutorial.md']],
  ['How-to', ['docs/how-to/*.md', 'docs/how-to/runbooks/*.md']],
  ['Explanation', ['docs/explanation/*.md']],
  ['Stores', ['docs/stores/*.md']],
  ['Reference', ['docs/reference/*.md', 'docs/glossary.md']],
  ['Packages', ['packages/*/*.md', 'packages/sessions/src/replication/PROTOCOL.md']],
  ['Operation', ['infra/**/*.md', 'bench/*.md', 'examples/*/README.md', 'CONTRIBUTING.md']],
  ['한국어', ['docs/ko/**/*.md']],
]

export function llmsPage(): string {
  const listed = new Set<string>()
  const sections = SECTIONS.map(([title, patterns]) => {
    const pages = globSync([...patterns], { cwd: ROOT, exclude: (name) => name.includes('node_modules') })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => !listed.has(path))
      .sort()
    for (const page of pages) listed.add(page)
    return `## ${title}\n\n${pages.map(line).join('\n')}\n`
  })
  const [, summary = ''] = /^# .*\n\n([\s\S]*?)\n\n## /.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []
  const [first = '', second = ''] = paragraphs(summary)
  return `# ninelives\n\n> ${first} ${sentence(second)}\n\n${sections.join('\n')}`
}

function line(path: string): string {
  const text = readFileSync(join(ROOT, path), 'utf8').replaceAll(/<!--.*?-->\n*/gs, '')
  const [, title = path] = /^# (.*)$/m.exec(text) ?? []
  const [about = ''] = paragraphs(text.replace(/^# .*$/m, ''))
  return `- [${plain(title)}](${path}): ${sentence(about)}`
}

/** Of prose: no heading, list, table, block of code, or note about the page itself; and without a bold word that leads in. */
function paragraphs(text: string): string[] {
  return text
    .split(/\n{2,}/)
    .filter((part) => !/^(#|-|\||```| {4}|<|\d+\. )/.test(part.trimStart() === part ? part : `    ${part}`))
    .filter((part) => !/^_.*_$/s.test(part.trim()))
    .map((part) =>
      plain(
        part
          .replaceAll(/\s+/g, ' ')
          .replace(/^\*\*[^*]+\*\* /, '')
          .trim(),
      ),
    )
    .filter(Boolean)
}

/** Without links, emphasis and code marks. */
function plain(text: string): string {
  return text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/(\*\*|`|(?<=^|[\s(])_|_(?=$|[\s.,;:)]))/g, '')
    .trim()
}

/** The first one. */
function sentence(text: string): string {
  return (/^.*?[.?!](?=\s|$)/.exec(text)?.[0] ?? text).replace(/:$/, '.')
}
