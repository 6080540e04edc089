import test from 'ava'
import { mariadbMissing, mariadbServer } from '../../support/database/mariadb-server.ts'
import { bearsFaults } from '../../support/database/server-faults.ts'

const FULL = ['INSERT', 'UPDATE'].map(
  (verb) => `CREATE TRIGGER shop.full_${verb} BEFORE ${verb} ON shop.ninelives_sessions FOR EACH ROW
    SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'`,
)
const NOT_FULL = ['INSERT', 'UPDATE'].map((verb) => `DROP TRIGGER IF EXISTS shop.full_${verb}`)
const RIGHTS = 'SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW, DROP, INDEX'

if (mariadbMissing === undefined) {
  bearsFaults({
    schemaVersion: 2,
    async server() {
      const server = await mariadbServer()
      // The superuser may write where others may not.
      await server.ask("CREATE USER shop@'127.0.0.1'")
      await server.ask(`GRANT ${RIGHTS}, SHOW VIEW ON shop.* TO shop@'127.0.0.1'`)
      return { ...server, url: server.url.replace('root@', 'shop@') }
    },
    readOnly: (server, isReadOnly) => server.ask(`SET GLOBAL read_only = ${isReadOnly ? 1 : 0}`),
    async full(server, isFull) {
      for (const sql of isFull ? FULL : NOT_FULL) await server.ask(sql)
    },
    lock: (server, key, seconds) =>
      server.ask(
        `BEGIN; SELECT 1 FROM shop.ninelives_sessions WHERE record_key = '${key}' FOR UPDATE; DO SLEEP(${seconds}); COMMIT`,
      ),
    async withoutRights(server) {
      await server.ask('CREATE DATABASE empty')
      await server.ask("CREATE USER visitor@'127.0.0.1'")
      await server.ask("GRANT SELECT, INSERT, UPDATE, DELETE ON empty.* TO visitor@'127.0.0.1'")
      return server.url.replace('shop@', 'visitor@').replace(/\/shop$/, '/empty')
    },
  })
} else {
  test.skip(`mysql: ${mariadbMissing}`, () => {})
}
