/** The option `store` of every factory: one of our stores, and words for what people pass in its place. */
import { hasMethods, type Rule } from './options.ts'

const VERBS = ['read', 'write', 'touch', 'destroy']
const OPENED = "Pass what openStore() resolves to: store: await openStore('redis://127.0.0.1:6379')."

export const sessionStoreRule: Rule = {
  takes: 'an opened session store',
  accepts: (value) => hasMethods(value, VERBS),
  hint(value) {
    if (hasMethods(value, ['then'])) return `It is a promise: await it. ${OPENED}`
    if (hasMethods(value, ['get', 'set', 'destroy'])) {
      return `It is a store for koa-session or express-session, whose get, set and destroy overwrite whole sessions. ${OPENED}`
    }
    return OPENED
  },
}
