/** Where the cookie may travel over http: only where the process says that it is a developer's, or says nothing. */
import test from 'ava'
import Koa from 'koa'
import { readConfig } from '../src/config.ts'
import { sessions } from '../src/koa/koa.ts'
import { SOCKET_ACCESS } from '../src/socket-access.ts'
import { memoryStore } from '../src/stores/memory.ts'
import { createSessions } from '../src/web/index.ts'
import { KEY } from './support/shop.ts'

const options = { store: memoryStore(), keys: [KEY], secure: undefined } as never

test.serial(
  'a cookie without the option secure is for https only, unless NODE_ENV is development, test or not set',
  (t) => {
    const before = process.env['NODE_ENV']
    t.teardown(() => (process.env['NODE_ENV'] = before))
    for (const [environment, secure] of Object.entries({
      production: true,
      staging: true,
      prod: true,
      test: false,
      development: false,
      '': false,
    })) {
      process.env['NODE_ENV'] = environment
      t.is(createSessions(options)[SOCKET_ACCESS].secure, secure, environment)
      t.is(sessions(new Koa(), options)[SOCKET_ACCESS].secure, secure, environment)
    }
    t.true(readConfig({}).isDevelopment)
  },
)
