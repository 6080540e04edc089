import { MalformedFrameError } from './frames.ts'
import type { Message, View } from './messages.ts'

/** Throws MalformedFrameError for a view with a rank that none of so many names has. A codec knows no names. */
export function checkRanks(message: Message, names: number): void {
  const present = message.type === 'prepare' ? message.present : undefined
  const view = viewIn(message)
  if ((present?.length ?? 0) > names || (view !== undefined && !isWithin(view, names)))
    throw new MalformedFrameError(`a message '${message.type}' with a rank that no name has`)
}

function viewIn(message: Message): View | undefined {
  if (message.type === 'decided' || message.type === 'accept') return message.view
  if (message.type === 'prepare') return message.base
  return message.type === 'promise' ? message.accepted?.view : undefined
}

function isWithin({ members, electorate }: View, names: number): boolean {
  const { counted, adding, removing } = electorate ?? { counted: 0, adding: 0, removing: 0 }
  return members.every(({ rank }) => rank < names) && Math.max(counted, adding, removing) < 2 ** names
}
