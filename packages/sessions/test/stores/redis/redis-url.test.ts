import test from 'ava'
import { StoreConfigError } from '../../../src/errors.ts'
import { redisLocation } from '../../../src/stores/redis/url.ts'

const plain = {
  topology: 'single',
  tls: false,
  username: '',
  password: '',
  master: '',
  database: 0,
  settings: {},
} as const
const at = (host: string, port: number) => ({ host, port })

const locations: Readonly<Record<string, ReturnType<typeof redisLocation>>> = {
  'redis://localhost': { ...plain, hosts: [at('localhost', 6379)] },
  'rediss://[::1]:7000/2': { ...plain, tls: true, hosts: [at('::1', 7000)], database: 2 },
  'redis://:p%40ss@h/': { ...plain, password: 'p@ss', hosts: [at('h', 6379)] },
  'REDIS://shop:a:b@c@h': { ...plain, username: 'shop', password: 'a:b@c', hosts: [at('h', 6379)] },
  'redis+sentinel://u:p@s1,s2:7/my%20group/3?sentinelPassword=q&ack=quorum&replicas=2': {
    ...plain,
    topology: 'sentinel',
    username: 'u',
    password: 'p',
    hosts: [at('s1', 26379), at('s2', 7)],
    master: 'my group',
    database: 3,
    settings: { sentinelPassword: 'q', ack: 'quorum', replicas: 2 },
  },
  'rediss+cluster://a,b:1,[fe80::1]:2/0?servername=redis.example&ca=/etc/ca.pem&prefix=shop:&timeoutMs=50': {
    ...plain,
    topology: 'cluster',
    tls: true,
    hosts: [at('a', 6379), at('b', 1), at('fe80::1', 2)],
    settings: { servername: 'redis.example', ca: '/etc/ca.pem', prefix: 'shop:', timeoutMs: 50 },
  },
}

for (const [url, location] of Object.entries(locations)) {
  test(`${url} is taken apart`, (t) => t.deepEqual(redisLocation(url), location))
}

for (const url of [
  'redis://:hunter/2@h',
  'redis://u:1234/5@h:6379/0',
  'redis://:hunter?2@h',
  'redis://:hunter?x=2@h:1',
  'redis://:hun#ter2@h',
]) {
  test(`${url} is refused, and nothing of its password is repeated`, (t) => {
    const error = t.throws(() => redisLocation(url), { instanceOf: StoreConfigError })
    t.notRegex(error?.message ?? '', /hun|1234|2@|5@/)
    t.regex(error?.message ?? '', /%2F, %3F and %23|another form/)
  })
}

const refused: Readonly<Record<string, RegExp>> = {
  'redis:': /redis:\/\/host:port\/database/,
  'redis://': /'' in the store's URL is not a host/,
  'redis://h:0': /'h:0'.*host:port/,
  'redis://h:65536': /'h:65536'/,
  'redis://a,b': /one server.*has 2.*redis\+sentinel: or redis\+cluster:/,
  'redis://h/shop': /database.*'shop'.*whole number/,
  'redis://h/1/2': /database.*'1\/2'/,
  'redis://:%ZZ@h': /'%'.*%25/,
  'redis://h?ack=two': /ack.*'two'.*local, one, quorum, all/,
  'redis://h?replicas=0': /replicas.*'0'.*whole number from 1/,
  'redis://h?sentinelPassword=q': /'sentinelPassword'.*timeoutMs/,
  'redis://h?ca=/ca.pem': /'ca', which is for rediss:/,
  'redis+sentinel://h': /ends in the group's name/,
  'redis+sentinel://h,/shop': /'' in the store's URL is not a host/,
  'redis+cluster://h/1': /only database 0.*'1'/,
  'redis+proxy://h': /another form/,
}

for (const [url, message] of Object.entries(refused)) {
  test(`${url} is refused, and the message says what is accepted`, (t) => {
    const error = t.throws(() => redisLocation(url), { instanceOf: StoreConfigError, message })
    t.false(error?.message.includes('\n'))
  })
}
