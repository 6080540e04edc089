import test from 'ava'
import { describeError } from '../src/log.ts'

test('of an error only what is meant for a log is kept, and of its causes', (t) => {
  const cause = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED', args: ['secret'] })
  const error = Object.assign(new TypeError('no answer', { cause }), { body: 'secret', headers: { cookie: 'secret' } })
  const described = describeError(error)
  t.like(described, {
    type: 'TypeError',
    message: 'no answer',
    cause: { type: 'Error', code: 'ECONNREFUSED', message: 'connection refused' },
  })
  t.deepEqual(Object.keys(described).sort(), ['cause', 'message', 'stack', 'type'])
  t.notRegex(JSON.stringify(described), /secret/)
})

test('causes that go round in circles come to an end', (t) => {
  const error = new Error('first')
  error.cause = error
  t.notThrows(() => JSON.stringify(describeError(error)))
})

test('a thrown value that is no error is not logged', (t) => {
  t.deepEqual(describeError('secret'), { type: 'string', message: 'something other than an error was thrown' })
})
