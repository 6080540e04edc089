/** @ninelives/sessions as its README sets it up, over Redis or its memory store. */
import { openStore, sessions } from '@ninelives/sessions'
import { SIGNING_KEY, storeUrl } from './host.ts'
import { koaApplication } from './koa-application.ts'

const store = await openStore(storeUrl)
await store.open()
koaApplication((app) => void sessions(app, { store, keys: [SIGNING_KEY], secure: false }))
