/** An id for an element and a file, from names with any characters. */
import { createHash } from 'node:crypto'

const HASH_LENGTH = 6

/** The hash tells lists of names apart that look alike in plain letters. */
export function slug(...names: readonly string[]): string {
  const plain = names.map((name) => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')).join('-')
  const hash = createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, HASH_LENGTH)
  return `${plain.replaceAll(/-+/g, '-').replace(/-$/, '').slice(0, 60)}-${hash}`
}
