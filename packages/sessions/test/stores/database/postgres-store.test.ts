import test from 'ava'
import { PATIENT } from '../../support/database/sessions.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { conforms } from '../../support/conforms.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'

if (postgresMissing === undefined) {
  const server = postgresServer()
  test.after.always(async () => (await server).stop())

  conforms({
    capabilities: (await openStore('postgres://host/shop')).capabilities,
    async open() {
      const store = await openStore(`${(await server).url}?${PATIENT}`)
      await store.open()
      return store
    },
  })
} else {
  test.skip(`postgres: ${postgresMissing}`, () => {})
}
