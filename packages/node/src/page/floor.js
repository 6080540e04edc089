/**
 * The floor: a marker for each customer, moved over a socket. Steps are drawn at once, and the server's answer says where the marker
 * really is. What was not acknowledged when a node died is sent again to the next one.
 */
import { sessionClient } from './client.js'
import { translated } from './strings.js'
import { byId, colourOf } from './view.js'

const WIDTH = 24
const HEIGHT = 14
/** Of a marker on its way to where it stands. */
const GLIDE = 0.35
const ARRIVED = 0.01
const KEYS = {
  ArrowUp: [0, -1],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowRight: [1, 0],
}

const canvas = byId('floor')
let client
let isInside = false
/** As the server said last. */
let you
/** Steps that are not acknowledged, in their order. */
let steps = []
let others = []
let node
/** The socket was elsewhere before. */
let isMoved = false
/** Moves that were acknowledged before that, and are not there any more. */
let missing = 0
/** Where each marker is drawn, by what it is of. */
let drawn = new Map()
let frame

/** The customer is logged in, or not any more. */
export function setFloor(isIn) {
  if (isIn === isInside) return
  isInside = isIn
  if (isIn) void enter()
  else close()
}

export function renderFloor() {
  const chip = byId('floor-node')
  chip.textContent = node ?? '×'
  chip.dataset.node = colourOf(node)
  byId('floor-state').textContent = stateText()
  byId('moves').textContent = you === undefined ? '–' : you.moves + steps.length
  byId('coins').textContent = you?.score ?? '–'
  byId('others').textContent = you === undefined ? '–' : others.length
  frame ??= requestAnimationFrame(draw)
}

/** With sessions in cookies there is no floor. */
async function enter() {
  const answer = await fetch('/api/floor').catch(() => undefined)
  const { open: isOpen = true } = answer?.ok === true ? await answer.json() : {}
  if (!isInside || !isOpen) return
  byId('floor-card').hidden = false
  open()
}

function open() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  client = sessionClient(`${scheme}://${location.host}/api/floor`, {
    onMessage: hear,
    onState(state) {
      if (state !== 'open') node = undefined
      renderFloor()
    },
    hasSession: async () => {
      const response = await fetch('/api/session')
      return !response.ok || (await response.json()).authenticated
    },
  })
}

function close() {
  byId('floor-card').hidden = true
  client?.close()
  client = undefined
  you = undefined
  steps = []
  others = []
  isMoved = false
  drawn = new Map()
}

function hear(message) {
  if (message.type === 'welcome') {
    isMoved = you !== undefined
    missing = isMoved ? Math.max(0, you.moves - message.you.moves) : 0
    you = message.you
    others = message.players
    node = message.node
  } else if (message.type === 'players') others = message.players
  else if (message.type === 'moved') you = { ...you, ...place(message) }
  renderFloor()
}

function place({ x, y, score, moves }) {
  return { x, y, score, moves }
}

function step(dx, dy) {
  if (client === undefined || you === undefined) return
  const own = [dx, dy]
  steps.push(own)
  const done = () => {
    steps = steps.filter((each) => each !== own)
    renderFloor()
  }
  client
    .send('move', { dx, dy })
    .catch(() => 'a refused move was not made; after a lost one the next welcome tells')
    .finally(done)
  renderFloor()
}

function stateText() {
  if (you === undefined) return ''
  if (node === undefined) return translated('floorAway', { count: steps.length })
  if (missing > 0) return translated('floorLost', { node, count: missing })
  return translated(isMoved ? 'floorMoved' : 'floorOpen', { node })
}

/** Where the marker will be once every step has arrived. */
function ahead() {
  return steps.reduce(({ x, y }, [dx, dy]) => ({ x: within(x + dx, WIDTH), y: within(y + dy, HEIGHT) }), you)
}

function within(value, size) {
  return Math.min(size - 1, Math.max(0, value))
}

/** Each marker has a coin of its own: the same rule as on the server. */
function coin(score) {
  return { x: (7 * score + 3) % WIDTH, y: (5 * score + 4) % HEIGHT }
}

function draw() {
  frame = undefined
  if (you === undefined || canvas.clientWidth === 0) return
  const size = fitted()
  const paint = canvas.getContext('2d')
  const colour = colours()
  paint.clearRect(0, 0, canvas.width, canvas.height)
  paint.fillStyle = colour('--edge')
  for (let x = 0; x < WIDTH; x++) for (let y = 0; y < HEIGHT; y++) dot(paint, { x, y }, size, size * 0.04)
  const goal = coin(you.score)
  paint.fillStyle = colour('--tint-3')
  dot(paint, goal, size, size * 0.26)
  paint.strokeStyle = colour('--drawn')
  paint.lineWidth = size * 0.06
  ring(paint, goal, size, size * 0.26)

  let isMoving = false
  const glide = (key, to) => {
    const from = drawn.get(key) ?? to
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    const at = still ? to : { x: from.x + (to.x - from.x) * GLIDE, y: from.y + (to.y - from.y) * GLIDE }
    const isThere = Math.abs(at.x - to.x) + Math.abs(at.y - to.y) < ARRIVED
    drawn.set(key, isThere ? to : at)
    isMoving ||= !isThere
    return drawn.get(key)
  }
  paint.textAlign = 'center'
  paint.textBaseline = 'middle'
  others.forEach(({ user, x, y }, index) => {
    const at = glide(`${user} ${index}`, { x, y })
    paint.fillStyle = colour('--tint-2')
    dot(paint, at, size, size * 0.36)
    paint.fillStyle = colour('--drawn')
    paint.font = `600 ${Math.round(size * 0.34)}px system-ui`
    paint.fillText(user.replace(/^user-/, ''), (at.x + 0.5) * size, (at.y + 0.53) * size)
  })
  const at = glide('you', ahead())
  paint.fillStyle = colour('--accent')
  dot(paint, at, size, size * 0.4)
  paint.strokeStyle = colour('--ink')
  paint.lineWidth = size * 0.09
  // Not by colour alone: a ring, and broken while the marker's socket is away.
  paint.setLineDash(node === undefined ? [size * 0.14, size * 0.12] : [])
  ring(paint, at, size, size * 0.46)
  paint.setLineDash([])
  if (isMoving) frame ??= requestAnimationFrame(draw)
}

/** In device pixels, so that it is sharp. Returns the size of a square. */
function fitted() {
  const scale = devicePixelRatio
  const size = Math.floor((canvas.clientWidth * scale) / WIDTH)
  const [width, height] = [size * WIDTH, size * HEIGHT]
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
  return size
}

function dot(paint, { x, y }, size, radius) {
  paint.beginPath()
  paint.arc((x + 0.5) * size, (y + 0.5) * size, radius, 0, 2 * Math.PI)
  paint.fill()
}

function ring(paint, { x, y }, size, radius) {
  paint.beginPath()
  paint.arc((x + 0.5) * size, (y + 0.5) * size, radius, 0, 2 * Math.PI)
  paint.stroke()
}

/** A variable of the style sheet in the present colour scheme. */
function colours() {
  const known = new Map()
  return (name) => {
    if (!known.has(name)) {
      canvas.style.color = `var(${name})`
      known.set(name, getComputedStyle(canvas).color)
      canvas.style.color = ''
    }
    return known.get(name)
  }
}

canvas.addEventListener('keydown', (event) => {
  const direction = KEYS[event.key]
  if (direction === undefined || event.altKey || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  step(...direction)
})
canvas.addEventListener('pointerdown', (event) => {
  if (you === undefined) return
  const box = canvas.getBoundingClientRect()
  const from = ahead()
  const dx = ((event.clientX - box.left) / box.width) * WIDTH - from.x - 0.5
  const dy = ((event.clientY - box.top) / box.height) * HEIGHT - from.y - 0.5
  if (Math.abs(dx) < 0.5 && Math.abs(dy) < 0.5) return
  if (Math.abs(dx) > Math.abs(dy)) step(Math.sign(dx), 0)
  else step(0, Math.sign(dy))
})
for (const button of document.querySelectorAll('[data-step]'))
  button.addEventListener('click', () => step(...button.dataset.step.split(',').map(Number)))
addEventListener('resize', renderFloor)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', renderFloor)
