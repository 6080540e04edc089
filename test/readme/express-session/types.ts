/** In place of express-session, which is not installed here: as much of its types as the README's block uses. */
import type { IncomingMessage, ServerResponse } from 'node:http'

declare abstract class Store {
  createSession(request: object, fields: object): session.Session
  abstract get(id: string, callback: (error: unknown, fields?: object | null) => void): void
  abstract set(id: string, session: object, callback?: (error?: unknown) => void): void
}

declare function session(options: {
  secret: string
  resave: boolean
  saveUninitialized: boolean
  cookie: { maxAge: number }
  store: Store
}): (request: IncomingMessage & { session: session.Session }, response: ServerResponse, next: () => void) => void

declare namespace session {
  export { Store }
  export interface Session {
    [field: string]: unknown
    save(callback: (error?: unknown) => void): void
  }
}

export default session
