/** Which changes a worker has to be told of that starts after they were made: the least that leads to the same. */
import type { Change } from './operations.ts'

export function afterChange(changes: readonly Change[], change: Change): Change[] {
  const name = nameOf(change)
  const others = changes.filter((each) => nameOf(each) !== name)
  const own = changes.filter((each) => nameOf(each) === name)
  const without = (...done: Change['do'][]) => own.filter((each) => !done.includes(each.do))
  switch (change.do) {
    case 'add':
      return [...changes, change]
    case 'weigh':
      return [...others, ...without('weigh'), change]
    case 'drain':
      return [...others, ...without('drain'), change]
    case 'resume':
      return [...others, ...without('drain', 'remove')]
    case 'remove':
      // One that was only there by being added needs no removal.
      return own.find((each) => each.do !== 'weigh')?.do === 'add' ? others : [...others, change]
  }
}

/** The configuration was read again, and what it lists is there again. */
export function afterReload(changes: readonly Change[]): Change[] {
  return changes.filter((each) => each.do !== 'remove')
}

function nameOf(change: Change): string {
  return change.do === 'add' ? (change.upstream.split('=', 1)[0] ?? '') : change.name
}
