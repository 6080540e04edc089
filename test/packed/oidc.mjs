/** Express with the sessions of express-openid-connect in one of our stores; no user logs in, so no provider is asked. */
import { EventEmitter } from 'node:events'
import { expressStore } from '@ninelives/sessions/express'
import express from 'express'
import oidc from 'express-openid-connect'

const app = express()
app.use(
  oidc.auth({
    authRequired: false,
    issuerBaseURL: 'http://127.0.0.1:1',
    baseURL: 'http://127.0.0.1',
    clientID: 'shop',
    clientSecret: 'secret',
    authorizationParams: { response_type: 'code', response_mode: 'query' },
    secret: 'a key of thirty-two characters, 1',
    session: { store: expressStore({ store: 'memory:', Store: EventEmitter }), rolling: true },
  }),
)
app.get('/', (request, response) => {
  request.appSession.count = (request.appSession.count ?? 0) + 1
  response.json({ count: request.appSession.count })
})

const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit())
