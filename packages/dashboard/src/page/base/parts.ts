/** Parts of a cluster, as the lab names them in targets, in the page's language. */
import { isWord, word } from './words.ts'

/** `balancer>a,a>store` is shown as "balancer → a, a → store". Nodes have no other names. */
export function partsText(target: string): string {
  const ways = target.split(',').map((way) => way.split('>').map((part) => partText(part)))
  return ways.map((parts) => parts.join(' → ')).join(', ')
}

function partText(part: string): string {
  const name = `part-${part}`
  return isWord(name) ? word(name) : part
}
