import test, { type ExecutionContext } from 'ava'
import { WebSocketServer } from 'ws'
import { FloorSocket } from '../../src/users/floor-socket.ts'

/** A floor that never answers. */
async function silentFloor(t: ExecutionContext): Promise<FloorSocket> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const socket = new FloorSocket({ target: new URL(`http://127.0.0.1:${port}`), cookie: () => undefined })
  t.teardown(() => {
    socket.close()
    for (const client of server.clients) client.terminate()
    server.close()
  })
  await new Promise((resolve) => server.once('connection', resolve))
  return socket
}

test('what waits for an answer ends when the user closes the socket', async (t) => {
  const socket = await silentFloor(t)
  const replies = Promise.all([socket.hello(), socket.move({ dx: 1, dy: 0 })])
  socket.close()
  t.deepEqual(await replies, [
    { end: 'failed', kind: 'left' },
    { end: 'unknown', kind: 'left' },
  ])
})
