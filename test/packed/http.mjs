/** Plain node:http, without any framework. */
import { createServer } from 'node:http'
import { createSessions } from '@ninelives/sessions/web'

const sessions = createSessions({ store: 'memory:', keys: ['a key of thirty-two characters, 1'], secure: false })

const server = createServer((request, response) => void answer(request, response))
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit())

async function answer(request, response) {
  const session = await sessions.load(request)
  const count = await session.update((draft) => (draft.count = (draft.count ?? 0) + 1))
  for (const cookie of await session.commit()) response.appendHeader('Set-Cookie', cookie)
  response.end(JSON.stringify({ count }))
}
