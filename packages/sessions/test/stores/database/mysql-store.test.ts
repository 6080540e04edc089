import test from 'ava'
import { PATIENT } from '../../support/database/sessions.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { conforms } from '../../support/conforms.ts'
import { mariadbMissing, mariadbServer } from '../../support/database/mariadb-server.ts'

if (mariadbMissing === undefined) {
  const server = mariadbServer()
  test.after.always(async () => (await server).stop())

  conforms({
    capabilities: (await openStore('mysql://host/shop')).capabilities,
    async open() {
      const store = await openStore(`${(await server).url}?${PATIENT}`)
      await store.open()
      return store
    },
  })
} else {
  test.skip(`mysql: ${mariadbMissing}`, () => {})
}
