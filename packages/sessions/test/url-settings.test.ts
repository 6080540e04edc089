import test from 'ava'
import { StoreConfigError } from '../src/errors.ts'
import { setting, settings } from '../src/url-settings.ts'

const rules = {
  name: setting.text,
  password: setting.secret,
  rows: setting.wholeNumber(0, 10),
  timeoutMs: setting.durationMs(),
  sync: setting.oneOf('full', 'normal'),
  tls: setting.boolean,
}

test('each setting is read by its rule, and those that are absent leave no key', (t) => {
  t.deepEqual(settings('x://host/path', rules), {})
  t.deepEqual(settings('x://host?', rules), {})
  t.deepEqual(settings('x:?rows=0&timeoutMs=250&sync=full&tls=false&&name=a%26b', rules), {
    rows: 0,
    timeoutMs: 250,
    sync: 'full',
    tls: false,
    name: 'a&b',
  })
})

test("a plus, an equals sign and a '?' in a value stay what they are", (t) => {
  t.deepEqual(settings('x:?password=a+b/c==&name=redis://h?tls=true', rules), {
    password: 'a+b/c==',
    name: 'redis://h?tls=true',
  })
})

const refused: Readonly<Record<string, string>> = {
  'rows=11': "rows in the store's URL is '11', and takes a whole number from 0 to 10",
  'rows=-1': "rows in the store's URL is '-1', and takes a whole number from 0 to 10",
  'rows=1.5': "rows in the store's URL is '1.5', and takes a whole number from 0 to 10",
  rows: "rows in the store's URL is '', and takes a whole number from 0 to 10",
  'timeoutMs=0': "timeoutMs in the store's URL is '0', and takes milliseconds from 1 to 2147483647",
  'timeoutMs=2s': "timeoutMs in the store's URL is '2s', and takes milliseconds from 1 to 2147483647",
  'sync=off': "sync in the store's URL is 'off', and takes full, normal",
  'tls=toString': "tls in the store's URL is 'toString', and takes true or false",
  'name=': "name in the store's URL is '', and takes a text",
  'name=a&name=b': "the store's URL has 'name' twice",
  'name=%ZZ': "the store's URL has a '%' that is not part of an escape: write it as %25",
  'size=3': "the store's URL has 'size', and takes name, password, rows, timeoutMs, sync, tls",
  'toString=3': "the store's URL has 'toString', and takes name, password, rows, timeoutMs, sync, tls",
}

for (const [query, message] of Object.entries(refused)) {
  test(`?${query} is refused by name`, (t) => {
    t.throws(() => settings(`x:?${query}`, rules), { instanceOf: StoreConfigError, message })
  })
}

test('no part of a secret is repeated', (t) => {
  t.throws(() => settings('x:?password=half&other-half=1', rules), { message: /a part that is none of these.*%26/ })
  t.throws(() => settings('x:?password=', rules), { message: /password in the store's URL is empty/ })
})

test('a setting of another scheme is refused with what it is for', (t) => {
  t.throws(() => settings('x:?tls=true', rules, { tls: 'y:' }), {
    message: "the store's URL has 'tls', which is for y:, and takes name, password, rows, timeoutMs, sync",
  })
})
