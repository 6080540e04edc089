import test from 'ava'
import { openStore } from '../../../src/stores/open-store.ts'
import { conforms } from '../../support/conforms.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { PATIENT } from '../../support/database/sessions.ts'

const hybrid = (url: string) => `hybrid:?over=${encodeURIComponent(`${url}?${PATIENT}`)}`

if (postgresMissing === undefined) {
  const server = postgresServer()
  test.after.always(async () => (await server).stop())

  conforms({
    capabilities: (await openStore(hybrid('postgres://host/shop'))).capabilities,
    async open() {
      const store = await openStore(hybrid((await server).url))
      await store.open()
      return store
    },
  })
} else {
  test.skip(`hybrid over postgres: ${postgresMissing}`, () => {})
}
