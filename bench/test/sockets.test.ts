/** That the README of the session layer has the table of the kept result, and what the table says of a busy machine. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { type SocketsResult, socketsMarkdown, withSockets } from '../sockets/result.ts'

const kept = JSON.parse(readFileSync(new URL('../results/sockets.json', import.meta.url), 'utf8')) as SocketsResult
const page = readFileSync(new URL('../../docs/reference/sockets.md', import.meta.url), 'utf8')

test('the page has the table of the kept result', (t) => {
  t.is(withSockets(page, kept), page)
})

test('times of a busy machine are not to be quoted', (t) => {
  const rows = kept.rows.map((row) => ({ ...row, othersShare: 0.5 }))
  t.regex(socketsMarkdown({ ...kept, rows }), /Times are not to be quoted: .*others had 50 % of the machine/)
})
