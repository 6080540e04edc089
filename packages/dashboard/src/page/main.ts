/** Reads the trace as it is written, reduces it with the lab's reducer, and shows the state a few times a second. */
import { type ClusterState, initialState, reduce, type TraceEvent } from '@ninelives/history'
import type { Death } from './chart.ts'
import { byId, setText } from './dom.ts'
import { emptyLog, logEvent } from './log.ts'
import { forgetNodes, showNodes } from './nodes.ts'
import { showUsers } from './users.ts'

const DEATHS_MAX = 50

let state: ClusterState = initialState
let deaths: Death[] = []
let drawing = false
let connected = false

const events = new EventSource('/api/events')

// The whole state comes first, and again after a disconnection longer than the events that the lab keeps.
events.addEventListener('state', ({ data }: MessageEvent<string>) => {
  state = JSON.parse(data) as ClusterState
  deaths = []
  forgetNodes()
  emptyLog()
  draw()
})

events.addEventListener('message', ({ data }: MessageEvent<string>) => {
  const event = JSON.parse(data) as TraceEvent
  logEvent(event, state)
  if (event.type === 'node-down' && state.phase === 'ready') {
    deaths = [...deaths, { node: event.node, atMs: event.atMs }].slice(-DEATHS_MAX)
  }
  state = reduce(state, event)
  draw()
})

events.addEventListener('open', () => setConnected(true))
events.addEventListener('error', () => setConnected(false))
addEventListener('resize', draw)

function setConnected(now: boolean): void {
  connected = now
  draw()
}

/** Many events may come at once, mostly at the beginning; the page is drawn once for all of them. */
function draw(): void {
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    showHeader()
    showNodes(state)
    showUsers(state, deaths)
  })
}

function showHeader(): void {
  const { strategy, phase, balancer } = state
  const link = byId('link', HTMLElement)
  const standing = connected && phase !== 'ended' ? phase : 'over'
  link.className = `link ${standing === 'ready' ? 'live' : standing}`
  setText(link, { starting: 'starting', ready: 'live', over: 'the lab has stopped, or is out of reach' }[standing])
  setText(byId('strategy-name', HTMLElement), strategy.name)
  setText(byId('strategy-summary', HTMLElement), strategy.summary)
  const shop = byId('shop', HTMLAnchorElement)
  shop.hidden = balancer.url === undefined
  if (balancer.url !== undefined) shop.href = balancer.url
}
