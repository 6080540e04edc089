/** The live page: messages from the lab are folded into one state, which is shown a few times a second; dots move in between. */
import type { ClusterState } from '@ninelives/history'
import { inject } from './base/control.ts'
import { byId, setText } from './base/dom.ts'
import { showHeadline } from './panels/headline.ts'
import { listenToKeys } from './panels/keys.ts'
import { listenLive } from './data/live.ts'
import { emptyLog, logEvent } from './panels/log.ts'
import type { Message } from './data/moment.ts'
import { forgetNodes, showNodes } from './panels/nodes.ts'
import { Stage } from './stage/stage.ts'
import { Timeline } from './data/timeline.ts'
import { chooseLanguage, currentLanguage, isWord, type Language, word } from './base/words.ts'

const SHOW_EVERY_MS = 100
const BEAT_MS = 250

const timeline = new Timeline()
const stage = new Stage({ kill: (node) => void inject('kill', node) })
let connection: 'connecting' | 'live' | 'gone' = 'connecting'
/** When the head's time was known to be `timeline.head.atMs`. */
let heardMs = performance.now()
let hasJumped = true
let shownMs = 0

function stateNow(): ClusterState {
  return timeline.head.state
}

/** The time of the trace. It stands still while the lab is gone. */
function traceNowMs(): number {
  const { head } = timeline
  const isTicking = connection === 'live' && head.state.phase !== 'ended'
  return head.atMs + (isTicking ? Math.min(1_000, performance.now() - heardMs) : 0)
}

listenLive({
  begin() {
    timeline.clear()
    stage.clear()
    forgetNodes()
    emptyLog()
    hasJumped = true
  },
  take(message: Message) {
    if (message.type === 'event') logEvent(message.event, timeline.head.state)
    if (message.type === 'crowd') hasJumped = true
    timeline.add(message)
    if (message.type === 'beat') stage.send(message.beat.ops, BEAT_MS)
    heardMs = performance.now()
  },
  connected(isConnected) {
    connection = isConnected ? 'live' : connection === 'connecting' ? 'connecting' : 'gone'
  },
})

function show(): void {
  const { head } = timeline
  const nowMs = traceNowMs()
  showBar(head.state)
  showHeadline(head, nowMs)
  stage.show(head, nowMs, hasJumped)
  showNodes(head.state, nowMs)
  hasJumped = false
}

function showBar({ strategy, phase, balancer }: ClusterState): void {
  const link = byId('link', HTMLElement)
  const standing = connection === 'live' && phase === 'ended' ? 'ended' : connection
  link.dataset['state'] = standing
  setText(link, word(standing))
  setText(byId('strategy-name', HTMLElement), strategy.name)
  const shop = byId('shop', HTMLAnchorElement)
  shop.hidden = balancer.url === undefined
  if (balancer.url !== undefined) shop.href = balancer.url
}

function showTexts(): void {
  document.documentElement.lang = currentLanguage()
  document.title = word('title')
  for (const target of document.querySelectorAll<HTMLElement>('[data-text]')) {
    const name = target.dataset['text'] ?? ''
    if (isWord(name)) setText(target, word(name))
  }
  for (const target of document.querySelectorAll<HTMLElement>('[data-label]')) {
    const name = target.dataset['label'] ?? ''
    if (isWord(name)) target.ariaLabel = word(name)
  }
  for (const button of document.querySelectorAll<HTMLElement>('[data-language]'))
    button.ariaPressed = String(button.dataset['language'] === currentLanguage())
}

for (const button of document.querySelectorAll<HTMLElement>('[data-language]')) {
  button.addEventListener('click', () => {
    chooseLanguage(button.dataset['language'] as Language)
    showTexts()
    show()
  })
}

function frame(): void {
  const nowMs = performance.now()
  if (nowMs - shownMs >= SHOW_EVERY_MS) {
    shownMs = nowMs
    show()
  }
  stage.draw()
  requestAnimationFrame(frame)
}

listenToKeys(stateNow, () => undefined)
showTexts()
emptyLog()
frame()
