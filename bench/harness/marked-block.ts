/** A page whose measured part stands between two comments, as `<!-- cost -->` and `<!-- /cost -->`. */
import { UsageError } from '@ninelives/lab'

/** The page with that part, and nothing else changed. */
export function withBlock(page: string, name: string, block: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from === -1 || to < from) throw new UsageError(`the page has no ${begin} with a ${end} after it`)
  return `${page.slice(0, from + begin.length)}\n\n${block === '' ? '' : `${block}\n\n`}${page.slice(to)}`
}
