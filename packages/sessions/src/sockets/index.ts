/**
 * WebSockets that live on a session: opened by its cookie, changing it under the promises that hold for requests, and closed when it
 * ends, on every node.
 *
 *     sessionSockets(layer, {
 *       server,
 *       path: '/live',
 *       onConnection: ({ session, send }) => ({
 *         move: async ({ id, dx }) => send({ type: 'moved', id, x: await session.update('move', (draft) => (draft.x += dx)) }),
 *       }),
 *     })
 */
export { MESSAGE_KEPT_MS, type SocketSession } from './socket-session.ts'
export { CLOSE, type SessionSocket, type SocketHandlers, type SocketMessage } from './socket.ts'
export {
  sessionSockets,
  type SessionSockets,
  type SessionSocketsOptions,
  type SocketsReport,
  takesSockets,
} from './session-sockets.ts'
export { presence, type Presence, type PresenceOptions } from './presence.ts'
