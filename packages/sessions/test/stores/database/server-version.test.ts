/** Servers that can't be used are refused by what they say they are. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import test from 'ava'
import { openStore } from '../../../src/stores/open-store.ts'
import { refuseMysql, refusePostgres } from '../../../src/stores/database/servers/server-version.ts'

for (const [version, message] of [
  ['PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit', undefined],
  ['PostgreSQL 12.0 on aarch64', undefined],
  ['PostgreSQL 18beta1 on x86_64', undefined],
  ['PostgreSQL 16.2 (EnterpriseDB Advanced Server 16.2.0)', undefined],
  ['PostgreSQL 11.22 on x86_64', 'at is PostgreSQL 11.22, and 12 or newer is supported'],
  ['PostgreSQL 9.6.24 on x86_64', 'at is PostgreSQL 9.6.24, and 12 or newer is supported'],
  ['PostgreSQL 8.0.2 on i686, Redshift 1.0.1', /^at is no PostgreSQL, but says that it is '.*Redshift/],
  ['PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64', /^at is no PostgreSQL, but says that it is '.*YB/],
  ['CockroachDB CCL v23.1.0 (x86_64-pc-linux-gnu)', /^at is no PostgreSQL, but says that it is 'CockroachDB/],
  ['', /^at is no PostgreSQL/],
] as const) {
  test(`by the protocol of PostgreSQL: '${version}'`, (t) => {
    if (message === undefined) t.notThrows(() => refusePostgres('at', version))
    else t.throws(() => refusePostgres('at', version), { code: 'STORE_CONFIG', message })
  })
}

for (const [version, message] of [
  ['8.0.40', 'MySQL'],
  ['8.4.3-log', 'MySQL'],
  ['10.11.14-MariaDB-0+deb12u2', 'MariaDB'],
  ['5.5.5-10.6.12-MariaDB-log', 'MariaDB'],
  ['5.7.44-log', /^at is MySQL 5\.7\.44, and 8\.0 or newer is supported$/],
  ['10.4.34-MariaDB', /^at is MariaDB 10\.4\.34, and 10\.5 or newer is supported$/],
  ['5.5.5-10.1.48-MariaDB', /^at is MariaDB 10\.1\.48, and 10\.5 or newer is supported$/],
  ['8.0.11-TiDB-v7.5.1', /^at is no MySQL, but says that it is '8\.0\.11-TiDB-v7\.5\.1'/],
  ['', /^at is MySQL , and 8\.0 or newer is supported$/],
] as const) {
  test(`by the protocol of MySQL: '${version}'`, (t) => {
    if (typeof message === 'string') t.is(refuseMysql('at', version).isMariadb, message === 'MariaDB')
    else t.throws(() => refuseMysql('at', version), { code: 'STORE_CONFIG', message })
  })
}

/** As the protocol of PostgreSQL frames it. */
function messageOf(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

test('a server that speaks the protocol of PostgreSQL and is none is refused by name when it is opened', async (t) => {
  const version = Buffer.from('CockroachDB CCL v23.1.0')
  const column = Buffer.concat([Buffer.from([0, 1]), Buffer.from('version\0'), Buffer.alloc(18)])
  column.writeInt32BE(25, 2 + 8 + 6)
  const row = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, version.length]), version])
  const ready = messageOf('Z', Buffer.from('I'))
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      socket.write(Buffer.concat([messageOf('R', Buffer.alloc(4)), ready]))
      socket.on('data', () =>
        socket.write(
          Buffer.concat([
            messageOf('T', column),
            messageOf('D', row),
            messageOf('C', Buffer.from('SELECT 1\0')),
            ready,
          ]),
        ),
      )
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const store = await openStore(`postgres://u:p@127.0.0.1:${port}/shop`)
  t.teardown(() => store.close())
  await t.throwsAsync(store.open(), {
    code: 'STORE_CONFIG',
    message: `127.0.0.1:${port} is no PostgreSQL, but says that it is 'CockroachDB CCL v23.1.0': it is not supported`,
  })
})
