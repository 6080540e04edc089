/**
 * The page's behaviour. Two answers matter most: a 401 to a logged-in user means that the session was lost, and the page says so. A
 * 503 because the store is down means no such thing, and the page waits.
 */
import { shopClient } from './api.js'
import { renderFloor, setFloor } from './floor.js'
import { chooseLanguage, goodName, translated } from './strings.js'
import {
  ANSWERS_SHOWN,
  byId,
  renderAnswers,
  renderCart,
  renderNotice,
  renderSession,
  renderShelf,
  renderStatus,
  renderTexts,
  renderVisitor,
} from './view.js'

const ASK_EVERY_MS = 2_000
const STATUS_SHOWN_MS = 5_000
/** The user that this tab believes to be logged in, kept so that a session lost between two visits is noticed. */
const REMEMBERED_AS = 'ninelives-user'

let visitor = { user: undefined, displayName: undefined }
let session = {}
/** Undefined until the shop has answered. */
let items
let count
let answers = []
/** The notice above the shelf as a key with values, so that it can be shown again in another language. */
let notice
/** Runs one request at a time, so that a late answer does not undo a newer one. */
let turn = Promise.resolve()
let pending = 0

const ask = shopClient((answer) => {
  answers = [...answers, answer].slice(-ANSWERS_SHOWN)
  renderAnswers(answers)
})

function render() {
  renderVisitor(visitor)
  setFloor(visitor.user !== undefined)
  renderSession(session, Date.now())
  renderNotice(notice === undefined ? {} : { text: translated(notice.key, notice.values), retry: notice.retry })
  byId('count').textContent = count ?? '–'
}

/** Polling does not redraw this part, so that a button does not vanish while it is being pressed. */
function renderInLanguage() {
  renderTexts()
  renderShelf(add)
  renderCart(items ?? [], remove)
  renderAnswers(answers)
  renderFloor()
  render()
}

/** Runs the visitor's action; a failure becomes a notice with a retry button. */
function attempt(action) {
  pending += 1
  turn = turn.then(async () => {
    try {
      await action()
      recovered()
    } catch (error) {
      failed(error, action)
    }
    pending -= 1
    render()
  })
  return turn
}

function recovered() {
  if (notice?.retry === undefined) return
  notice = undefined
  say('back')
}

function failed(error, action) {
  // Polling fails too; the button should retry the visitor's action.
  const retry = action === refresh ? (notice?.retry ?? refresh) : action
  if (error.name !== 'ShopError') reportError(error)
  else if (error.status === 401 && visitor.user !== undefined) lost(error.node)
  else if (error.status === 503) notice = { key: visitor.user === undefined ? 'storeDown' : 'storeDownLoggedIn', retry }
  else if (error.status === 0 || error.status >= 500) notice = { key: 'unreachable', retry }
  else notice = { key: 'refused', values: { message: error.message } }
}

function lost(node) {
  forget()
  notice = { key: 'gone', values: { node } }
}

function forget() {
  sessionStorage.removeItem(REMEMBERED_AS)
  visitor = { user: undefined, displayName: undefined }
  session = {}
  count = undefined
  showItems(undefined)
}

let statusEnds

function say(key, values) {
  renderStatus(translated(key, values), answers.at(-1)?.node)
  clearTimeout(statusEnds)
  statusEnds = setTimeout(renderStatus, STATUS_SHOWN_MS)
}

async function refresh() {
  const { body, node } = await ask('GET', '/api/session')
  if (!body.authenticated) {
    if (sessionStorage.getItem(REMEMBERED_AS) !== null) lost(node)
    return
  }
  if (visitor.user !== body.user) showItems(undefined)
  recognise(body)
  session = {
    version: body.version,
    createdAtMs: Date.parse(body.createdAt),
    expiresAtMs: Date.parse(body.expiresAt),
  }
  if (items === undefined) showCart((await ask('GET', '/api/cart')).body)
}

function recognise({ user, displayName }) {
  sessionStorage.setItem(REMEMBERED_AS, user)
  visitor = { user, displayName }
}

function showCart(body) {
  session = { ...session, version: body.version }
  showItems(body.items)
}

function showItems(shown) {
  items = shown
  renderCart(items ?? [], remove)
}

async function login() {
  const { name, password } = Object.fromEntries(new FormData(byId('login')))
  loginError(name === '' || password === '' ? 'missingCredentials' : undefined)
  if (name === '' || password === '') return
  try {
    recognise((await ask('POST', '/api/login', { name, password })).body)
  } catch (error) {
    if (error.code !== 'WRONG_CREDENTIALS') throw error
    loginError('wrongCredentials')
    return
  }
  notice = undefined
  await refresh()
  // The next node may not have what the last one acknowledged; then a notice has said so.
  if (visitor.user === undefined) return
  render()
  say('loggedIn', { name: visitor.displayName })
  byId('cart-title').focus()
}

function loginError(key) {
  byId('login-error').textContent = key === undefined ? '' : translated(key)
  for (const field of [byId('name'), byId('password')]) field.setAttribute('aria-invalid', String(key !== undefined))
  if (key !== undefined) byId('password').focus()
}

async function logout() {
  await ask('POST', '/api/logout')
  forget()
  notice = undefined
  render()
  say('loggedOut')
  byId('name').focus()
}

function add(sku) {
  if (visitor.user === undefined) {
    say('loginFirst')
    byId('name').focus()
    return
  }
  void attempt(async () => {
    showCart((await ask('POST', '/api/cart', { sku, quantity: 1 })).body)
    say('added', { good: goodName(sku), quantity: items.find((item) => item.sku === sku).quantity })
  })
}

function remove(sku) {
  void attempt(async () => {
    showCart((await ask('DELETE', `/api/cart/${encodeURIComponent(sku)}`)).body)
    say('removed', { good: goodName(sku) })
    byId('cart-title').focus()
  })
}

async function countUp() {
  count = (await ask('POST', '/api/counter')).body.count
  say('counted', { count })
}

async function keepAsking() {
  const isLive = byId('live').getAttribute('aria-checked') === 'true' && document.visibilityState === 'visible'
  if (isLive && pending === 0) await attempt(refresh)
  setTimeout(() => void keepAsking(), ASK_EVERY_MS)
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault()
  void attempt(login)
})
byId('logout').addEventListener('click', () => void attempt(logout))
byId('counter').addEventListener('click', () => void attempt(countUp))
byId('notice-retry').addEventListener('click', () => void attempt(notice.retry))
byId('live').addEventListener('click', ({ currentTarget }) => {
  currentTarget.setAttribute('aria-checked', String(currentTarget.getAttribute('aria-checked') !== 'true'))
})
for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    chooseLanguage(button.dataset.language)
    renderInLanguage()
  })
}
setInterval(() => renderSession(session, Date.now()), 1_000)

renderInLanguage()
await attempt(refresh)
setTimeout(() => void keepAsking(), ASK_EVERY_MS)
