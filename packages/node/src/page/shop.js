/**
 * The page's behaviour. Two answers matter most: a 401 to a logged-in user means that the session was lost, and the page says so. A
 * 503 because the store is down means no such thing, and the page waits.
 */
import { pressKey, shopClient } from './api.js'
import { renderFloor, setFloor } from './floor.js'
import { newDeaths, renderLab, strategy } from './lab.js'
import { chooseLanguage, goodName, personName, things, translated } from './strings.js'
import {
  ANSWERS_SHOWN,
  byId,
  renderAnswers,
  renderCart,
  renderLoginError,
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
/** This visitor's own nodes: the last ones that answered, whatever the time since. */
const OWN_NODES_MAX = 3
const LOOK_EVERY_MS = 200
/** The lab kills within milliseconds. */
const KILLED_WITHIN_MS = 10_000

let visitor = { user: undefined, displayName: undefined }
let session = {}
/** Undefined until the shop has answered. */
let items
let count
let answers = []
/** The nodes that answered last and have not died since, the newest first. */
let ownNodes = []
/** The death of a node that had answered, until another answer shows what it cost: the node, and what was in the cart. */
let death
/** The node whose last answer showed the session. */
let home
/** Whether the store has not answered since then. */
let isStoreOut = false
/** The notice above the shelf as a key with values, so that it can be shown again in another language. So are the status and the form's error. */
let notice
let status
let formError
/** Runs one request at a time, so that a late answer does not undo a newer one. */
let turn = Promise.resolve()
let pending = 0

const ask = shopClient((answer) => {
  if (answer.node !== undefined)
    ownNodes = [answer.node, ...ownNodes.filter((node) => node !== answer.node)].slice(0, OWN_NODES_MAX)
  answers = [...answers, answer].slice(-ANSWERS_SHOWN)
  renderAnswers(answers)
  renderLab(answer.node)
})

function render() {
  renderVisitor(visitor)
  setFloor(visitor.user !== undefined)
  renderSession(session, Date.now())
  renderNotice(notice === undefined ? {} : { ...notice, text: told(notice) })
  renderLoginError(formError === undefined ? '' : translated(formError))
  byId('count').textContent = count ?? '–'
}

/** A sku among the values is shown as the product's name, a count as so many things, a person's name in the letters of the language. */
function told({ key, values: { sku, count, name, ...values } = {} }) {
  return translated(key, {
    ...values,
    ...(sku !== undefined && { good: goodName(sku) }),
    ...(count !== undefined && { things: things(count), count }),
    ...(name !== undefined && { name: personName(name) }),
  })
}

/** Polling does not redraw this part, so that a button does not vanish while it is being pressed. */
function renderInLanguage() {
  renderTexts()
  renderShelf(add)
  renderCart(items ?? [], remove)
  renderAnswers(answers)
  renderLab(answers.at(-1)?.node)
  renderFloor()
  if (status !== undefined) renderStatus(told(status), status.node)
  render()
}

/** Runs the visitor's action; a failure becomes a notice with a retry button, which runs the same action again, with its key. */
function attempt(action) {
  pending += 1
  turn = turn.then(async () => {
    try {
      await action()
      recovered()
    } catch (error) {
      await failed(error, action)
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

async function failed(error, action) {
  // Polling fails too; the button should retry the visitor's action.
  const retry = action === refresh ? (notice?.retry ?? refresh) : action
  if (error.name !== 'ShopError') reportError(error)
  else if (error.status === 401 && visitor.user !== undefined) {
    await noteDeaths()
    lost(error.node)
  } else if (error.code.startsWith('STORE_')) {
    isStoreOut = visitor.user !== undefined
    notice = { key: isStoreOut ? 'storeDownLoggedIn' : 'storeDown', retry }
  } else if (error.status === 0 || error.status >= 500 || error.code === 'STILL_RUNNING')
    notice = { key: 'unreachable', retry }
  else notice = { key: 'refused', values: { message: error.message } }
}

function lost(node) {
  notice = { key: reasonOfLoss(node), values: { node, home: home ?? '' } }
  forget()
}

/** Why the session is gone, where that can be known. The death of a node that did not have the session is no reason. */
function reasonOfLoss(node) {
  if (strategy() === 'memory') return 'goneMemory'
  if (strategy() !== 'sticky' || home === undefined) return isStoreOut ? 'goneStore' : 'gone'
  if (death?.node === home) return home === node ? 'goneStickyBack' : 'goneSticky'
  return home === node ? 'gone' : 'goneStickyElsewhere'
}

async function noteDeaths() {
  for (const node of await newDeaths()) {
    // With sticky another node's death says nothing of the session, and must not take the place of the one that does.
    const isOwn = ownNodes.includes(node) && (death === undefined || death.node !== home)
    if (isOwn && visitor.user !== undefined) death = { node, count: inCart() }
    // The process that takes its place has not answered this visitor yet.
    ownNodes = ownNodes.filter((each) => each !== node)
  }
}

function inCart() {
  return (items ?? []).reduce((sum, { quantity }) => sum + quantity, 0)
}

/** A node that had answered is dead, and `node` had the session: says so, and looks whether the cart is as it was. */
async function tellSurvival(node) {
  const { node: dead, count: before } = death
  const { body } = await ask('GET', '/api/cart')
  death = undefined
  showCart(body)
  const missing = before - inCart()
  const key = missing > 0 ? 'survivedLess' : before === 0 ? 'survivedEmpty' : 'survived'
  notice = { key, values: { dead, node, count: missing > 0 ? missing : before }, good: missing <= 0 }
}

function forget() {
  sessionStorage.removeItem(REMEMBERED_AS)
  death = undefined
  home = undefined
  isStoreOut = false
  visitor = { user: undefined, displayName: undefined }
  session = {}
  count = undefined
  showItems(undefined)
}

let statusEnds

function say(key, values) {
  status = { key, values, node: answers.at(-1)?.node }
  renderStatus(told(status), status.node)
  clearTimeout(statusEnds)
  statusEnds = setTimeout(() => {
    status = undefined
    renderStatus()
  }, STATUS_SHOWN_MS)
}

async function refresh() {
  await noteDeaths()
  const { body, node } = await ask('GET', '/api/session')
  if (!body.authenticated) {
    if (sessionStorage.getItem(REMEMBERED_AS) !== null) lost(node)
    return
  }
  if (visitor.user !== body.user) showItems(undefined)
  recognise(body, node)
  session = {
    version: body.version,
    createdAtMs: Date.parse(body.createdAt),
    expiresAtMs: Date.parse(body.expiresAt),
  }
  if (items === undefined) showCart((await ask('GET', '/api/cart')).body)
  if (death !== undefined) await tellSurvival(node)
}

function recognise({ user, displayName }, node) {
  home = node
  isStoreOut = false
  sessionStorage.setItem(REMEMBERED_AS, user)
  visitor = { user, displayName }
}

function showCart(body) {
  home = body.node
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
    const { body, node } = await ask('POST', '/api/login', { payload: { name, password } })
    recognise(body, node)
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
  formError = key
  renderLoginError(key === undefined ? '' : translated(key))
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
  const key = pressKey()
  void attempt(async () => {
    showCart((await ask('POST', '/api/cart', { payload: { sku, quantity: 1 }, key })).body)
    const { quantity } = items.find((item) => item.sku === sku)
    say('added', { sku, quantity, count: inCart() })
  })
}

function remove(sku) {
  const key = pressKey()
  void attempt(async () => {
    showCart((await ask('DELETE', `/api/cart/${encodeURIComponent(sku)}`, { key })).body)
    say('removed', { sku, count: inCart() })
    byId('cart-title').focus()
  })
}

function countUp() {
  const key = pressKey()
  void attempt(async () => {
    count = (await ask('POST', '/api/counter', { key })).body.count
    say('counted', { count })
  })
}

/** Kills the node that answered last, waits until the lab has seen its death, and then looks what that cost. */
async function kill() {
  const { node } = answers.at(-1)
  await ask('POST', '/api/lab/kill', { payload: { node } })
  if (notice?.good) notice = undefined
  say('killed', { node })
  render()
  const giveUpAtMs = Date.now() + KILLED_WITHIN_MS
  for (;;) {
    await noteDeaths()
    if (!ownNodes.includes(node) || Date.now() > giveUpAtMs) break
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  await refresh()
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
byId('counter').addEventListener('click', countUp)
byId('kill').addEventListener('click', () => void attempt(kill))
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
