/** Renders the shop's state. Nothing here sends requests or makes decisions. */
import { currentLanguage, goodName, personName, price, translated } from './strings.js'

export const goods = [
  { sku: 'yarn-ball', won: 6_500 },
  { sku: 'tuna-can', won: 2_400 },
  { sku: 'cardboard-box', won: 3_000 },
  { sku: 'feather-wand', won: 8_900 },
  { sku: 'bell-collar', won: 12_000 },
  { sku: 'catnip-mouse', won: 5_800 },
]

export const ANSWERS_SHOWN = 20
/** The most items shown; a load test's cart has thousands. */
const CART_ROWS_MAX = 50
const SVG = 'http://www.w3.org/2000/svg'

export function byId(id) {
  return document.getElementById(id)
}

export function renderTexts() {
  document.documentElement.lang = currentLanguage()
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = translated(textOf(element.dataset))
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', translated(element.dataset.label))
  }
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === currentLanguage()))
  }
}

/** Where the strategy is known, a text may promise what that keeps. */
function textOf({ text, shared, ...others }) {
  const { strategy } = document.documentElement.dataset
  return strategy === undefined ? text : (others[strategy] ?? shared ?? text)
}

export function renderShelf(onAdd) {
  byId('goods').replaceChildren(
    ...goods.map(({ sku, won }) =>
      element('li', { class: 'good' }, [
        element('div', { class: 'picture' }, [icon(sku)]),
        element('h2', {}, [goodName(sku)]),
        element('p', { class: 'price' }, [price(won)]),
        button('primary', 'add', sku, onAdd),
      ]),
    ),
  )
}

export function renderVisitor({ user, displayName }) {
  const isIn = user !== undefined
  byId('visitor').hidden = !isIn
  byId('greeting').textContent = isIn ? translated('greeting', { name: personName(displayName) }) : ''
  byId('login-card').hidden = isIn
  byId('cart-card').hidden = !isIn
  byId('cart-link').hidden = !isIn
  byId('counter').disabled = !isIn
}

export function renderLoginError(text) {
  byId('login-error').textContent = text
}

/** What just happened, and which node did it. */
export function renderStatus(text, node) {
  const chip = element('span', { class: 'chip', 'aria-hidden': 'true', 'data-node': colourOf(node) }, [node ?? '×'])
  byId('status').replaceChildren(...(text === undefined ? [] : [chip, text]))
}

export function renderCart(items, onRemove) {
  renderCartLink(items)
  const known = new Map(goods.map(({ sku, won }) => [sku, won]))
  const rows = items.slice(-CART_ROWS_MAX).toReversed()
  byId('cart-empty').hidden = items.length > 0
  byId('cart').replaceChildren(
    ...rows.map(({ sku, quantity }) =>
      element('li', { class: 'item' }, [
        icon(known.has(sku) ? sku : 'parcel'),
        element('span', { class: 'item-name' }, [goodName(sku)]),
        element('span', { class: 'quantity' }, [`× ${quantity}`]),
        button('quiet', 'remove', sku, onRemove),
      ]),
    ),
  )
  const hidden = items.length - rows.length
  byId('cart-more').hidden = hidden === 0
  byId('cart-more').textContent = translated('cartMore', { count: hidden })
  const total = items.reduce((sum, { sku, quantity }) => sum + (known.get(sku) ?? 0) * quantity, 0)
  byId('cart-total-row').hidden = total === 0
  byId('cart-total').textContent = price(total)
}

/** How much is in the cart, where it stays in sight. The line at the foot of the window announces what changed. */
function renderCartLink(items) {
  const count = items.reduce((sum, { quantity }) => sum + quantity, 0)
  const shown = byId('cart-count')
  const text = count.toLocaleString(currentLanguage())
  byId('cart-link').setAttribute('aria-label', translated('cartLink', { n: text }))
  if (shown.textContent === text) return
  shown.textContent = text
  flash(shown)
}

export function renderAnswers(answers) {
  const last = answers.at(-1)
  const before = answers.at(-2)
  const badge = byId('node')
  badge.textContent = last === undefined ? '·' : (last.node ?? '×')
  badge.dataset.node = colourOf(last?.node)
  if (before !== undefined && last.node !== before.node) flash(badge)
  byId('node-text').textContent = answerText(last)
  byId('strip').replaceChildren(
    ...Array.from({ length: ANSWERS_SHOWN - answers.length }, () => element('li', { 'aria-hidden': 'true' }, [])),
    ...answers.map(({ node, ok }) => {
      const title = ok ? translated('answeredCell', { node }) : translated('failedCell')
      return element('li', { 'data-node': colourOf(ok ? node : undefined), title }, [ok ? node : '×'])
    }),
  )
}

function answerText(last) {
  if (last === undefined) return translated('nobodyYet')
  return last.node === undefined ? translated('notAnswered') : translated('answeredBy', { node: last.node })
}

export function renderSession({ version, createdAtMs, expiresAtMs }, nowMs) {
  byId('version').textContent = version ?? '–'
  byId('age').textContent = createdAtMs === undefined ? '–' : duration(nowMs - createdAtMs)
  byId('expires').textContent = expiresAtMs === undefined ? '–' : duration(expiresAtMs - nowMs)
}

export function renderNotice({ text, retry, good = false }) {
  byId('notice').hidden = text === undefined
  byId('notice').classList.toggle('good-news', good)
  if (byId('notice-text').textContent !== (text ?? '')) byId('notice-text').textContent = text ?? ''
  byId('notice-retry').hidden = retry === undefined
}

function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours > 0) return translated('hours', { hours, minutes: minutes % 60 })
  if (minutes > 0) return translated('minutes', { minutes, seconds: seconds % 60 })
  return translated('seconds', { seconds })
}

/** Nodes a to f have a colour each; the others share one. */
export function colourOf(node) {
  if (node === undefined) return 'none'
  return /^[a-f]$/.test(node) ? node : 'other'
}

function flash(badge) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return
  badge.animate([{ scale: 1.35, boxShadow: '0 0 0 0.75rem transparent' }, { scale: 1 }], {
    duration: 450,
    easing: 'ease-out',
  })
}

/** The label includes the product's name for screen readers. */
function button(look, action, sku, onPress) {
  const good = element('span', { class: 'unseen' }, [` – ${goodName(sku)}`])
  const created = element('button', { class: look, type: 'button' }, [translated(action), good])
  created.addEventListener('click', () => onPress(sku))
  return created
}

function icon(name) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#icon-${name}`)
  svg.append(use)
  return svg
}

function element(tag, attributes, children) {
  const created = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value)
  created.append(...children)
  return created
}
