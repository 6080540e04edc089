import test from 'ava'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

interface Listed {
  readonly sessions: readonly { readonly id: string; readonly current: boolean; readonly userAgent: string }[]
}

async function devices(url: string) {
  const [phone, laptop] = [client(url), client(url)]
  await phone.login('user-0')
  await laptop.login('user-0')
  return { phone, laptop }
}

test('a user sees where they are logged in, and which of it is here', async (t) => {
  const { url } = await shopServer(t)
  const { phone } = await devices(url)
  await client(url).login('user-1')
  const { sessions } = (await phone.send('GET', '/api/sessions')).body as Listed
  t.is(sessions.length, 2)
  t.is(sessions.filter(({ current }) => current).length, 1)
  t.like(sessions[0], { userAgent: 'node' })
  t.is((await client(url).send('GET', '/api/sessions')).status, 401)
})

test('one session is ended from another, and a strange one is 404', async (t) => {
  const { url } = await shopServer(t)
  const { phone, laptop } = await devices(url)
  const { sessions } = (await phone.send('GET', '/api/sessions')).body as Listed
  const other = sessions.find(({ current }) => !current)?.id
  t.is((await phone.send('DELETE', `/api/sessions/${other}`)).status, 204)
  t.is((await laptop.send('GET', '/api/cart')).status, 401)
  t.is((await phone.send('GET', '/api/cart')).status, 200)
  const again = await phone.send('DELETE', `/api/sessions/${other}`)
  t.is(again.status, 404)
  t.is(errorCode(again), 'NO_SUCH_SESSION')
})

test('ending the session that one uses is a logout', async (t) => {
  const { phone } = await devices((await shopServer(t)).url)
  const { sessions } = (await phone.send('GET', '/api/sessions')).body as Listed
  const here = sessions.find(({ current }) => current)?.id
  t.is((await phone.send('DELETE', `/api/sessions/${here}`)).status, 204)
  t.is(phone.cookie, undefined)
})

test('logout-everywhere ends every session of the user, and of no other user', async (t) => {
  const { url } = await shopServer(t)
  const { phone, laptop } = await devices(url)
  const other = client(url)
  await other.login('user-1')
  t.is((await phone.send('POST', '/api/logout-everywhere')).status, 204)
  t.is(phone.cookie, undefined)
  t.is((await laptop.send('GET', '/api/cart')).status, 401)
  t.is((await other.send('GET', '/api/cart')).status, 200)
  t.is((await phone.login('user-0')).status, 200)
})
