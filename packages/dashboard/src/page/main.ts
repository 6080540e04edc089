/** The live page: messages from the lab are folded into one state, which is shown a few times a second; dots move in between. */
import { type ClusterState, findNode } from '@ninelives/history'
import { API, cluster, inject, isBeside, recording, showProblem } from './base/control.ts'
import { byId, setText } from './base/dom.ts'
import { enter, isElsewhere, lookIn } from './base/entrance.ts'
import { ClusterDialog } from './panels/cluster-dialog.ts'
import { LabView } from './data/lab.ts'
import { Pair } from './scene/pair.ts'
import { Director } from './scene/director.ts'
import { Tour } from './scene/tour.ts'
import { Fork } from './panels/fork.ts'
import { Hands } from './panels/hands.ts'
import { showHeadline } from './panels/headline.ts'
import { showYou } from './panels/you.ts'
import { listenToKeys } from './panels/keys.ts'
import { type Listener, listenLive } from './data/live.ts'
import { Chronicle } from './data/chronicle.ts'
import type { Message } from './data/moment.ts'
import { Player } from './data/player.ts'
import { forgetNodes, showNodes } from './panels/nodes.ts'
import { isServing } from './panels/sentence.ts'
import { Story } from './panels/story.ts'
import { Stage } from './stage/stage.ts'
import { showTable } from './stage/table.ts'
import { Timeline } from './data/timeline.ts'
import { Anomalies } from './time/anomalies.ts'
import { Time } from './time/time.ts'
import { Transport } from './time/transport.ts'
import { chooseLanguage, currentLanguage, isWord, type Language, onLanguageElsewhere, word } from './base/words.ts'

const SHOW_EVERY_MS = 100
const CHARTS_EVERY_MS = 250
const BEAT_MS = 250

const timeline = new Timeline()
const player = new Player(timeline)
const chronicle = new Chronicle()
const anomalies = new Anomalies()
const story = new Story()
const time = new Time(chronicle, (ms) => player.seek(ms))
const hands = new Hands(stateNow)
const lab = new LabView()
const director = new Director(lab)
const clusterDialog = new ClusterDialog(stateNow, lab, director)
const pair = new Pair(lab)
const tour = new Tour(lab, director, () => timeline.head)
const fork = new Fork(timeline, player)
const transport = new Transport(player, timeline, anomalies)
const stage = new Stage({
  kill: (node) => void inject('kill', node),
  breakPart: (target) => void hands.openFaults(target),
  hasEdges: () => lab.facts.edges,
})
let connection: 'connecting' | 'live' | 'gone' | 'full' | 'locked' | 'reading' | 'recorded' = 'connecting'
/** When the head's time was known to be `timeline.head.atMs`. */
let heardMs = performance.now()
let shownMs = 0
let chartedMs = 0
let frameMs = performance.now()

function stateNow(): ClusterState {
  return timeline.head.state
}

/** The time of the trace at its newest. It stands still while the lab is gone. */
function headMs(): number {
  const { head } = timeline
  const isTicking = connection === 'live' && head.state.phase !== 'ended'
  return head.atMs + (isTicking ? Math.min(1_000, performance.now() - heardMs) : 0)
}

const listener: Listener = {
  begin() {
    timeline.clear()
    chronicle.clear()
    player.live()
    stage.clear()
    forgetNodes()
    story.clear()
    player.jumped()
  },
  take(message: Message) {
    if (message.type === 'event') story.tell(message.event, timeline.head.state)
    if (message.type === 'crowd') player.jumped()
    timeline.add(message)
    chronicle.add(message, timeline.head.state)
    if (message.type === 'beat')
      story.tellFates(message.beat.incidents, timeline.head.state.strategy.name, message.atMs)
    if (player.isLive && connection !== 'reading') send(message)
    heardMs = performance.now()
  },
  connected(isConnected) {
    if (recording.fork === undefined || !isConnected)
      connection = isConnected ? 'live' : ['connecting', 'full'].includes(connection) ? connection : 'gone'
    if (isConnected && !isBeside) void meetLab()
  },
  recording() {
    connection = 'reading'
    fork.begin()
  },
  recorded(problem) {
    connection = 'recorded'
    if (problem !== null) showProblem(word('brokenTrace', { line: String(problem.line), reason: problem.reason }))
    player.seek(chronicle.readyAtMs ?? 0)
    player.play()
  },
  async refused() {
    const found = await lookIn()
    connection = found === 'open' ? 'full' : found
    return found !== 'locked'
  },
}

/** In a hidden tab nothing is drawn. */
function send(message: Message): void {
  if (message.type === 'beat' && !document.hidden) stage.send(message.beat.ops, BEAT_MS)
}

function show(): void {
  const { moment, atMs } = player
  const nowMs = atMs ?? headMs()
  showBar(timeline.head.state)
  showHeadline(moment, nowMs)
  showYou(moment.state, nowMs)
  const isJump = player.takeJump()
  stage.show(moment, nowMs, isJump)
  showTable(moment, isJump)
  showNodes(moment.state, nowMs)
  story.showUntil(nowMs)
  hands.show()
  director.direct(timeline.head.state, chronicle.readyAtMs, headMs())
  tour.look(timeline.head, headMs(), chronicle.readyAtMs)
  transport.show(moment.state.startedAtMs)
}

function showCharts(): void {
  const { state } = timeline.head
  anomalies.show(player.moment, player.moment.state.users.totals.sent)
  time.show({
    startedAtMs: state.startedAtMs,
    fromMs: timeline.fromMs,
    nowMs: headMs(),
    atMs: player.atMs,
    lanes: [
      ...state.nodes.map(({ name }) => name),
      ...(chronicle.spans.some(({ lane }) => lane === 'store') ? ['store'] : []),
      ...(chronicle.spans.some(({ lane }) => lane === 'edges') ? ['edges'] : []),
    ],
  })
}

function showBar(state: ClusterState): void {
  const { strategy, phase, balancer } = state
  const link = byId('link', HTMLElement)
  const standing = connection === 'live' && phase === 'ended' ? 'ended' : connection
  link.dataset['state'] = standing
  const serve = standing === 'live' && phase === 'ready' ? howManyServe(state) : undefined
  link.dataset['serve'] = serve ?? ''
  cluster.isThere = !['gone', 'full', 'locked', 'ended'].includes(standing)
  setText(link, word(serve === undefined ? standing : serveWords[serve]))
  story.tellNothing(nothingFor(standing))
  clusterDialog.show(strategy.name)
  setText(byId('side', HTMLElement), strategy.name)
  pair.show()
  const shop = byId('shop', HTMLAnchorElement)
  // The shop is on loopback only.
  shop.hidden = balancer.url === undefined || recording.fork !== undefined || isElsewhere
  if (balancer.url !== undefined) shop.href = balancer.url
}

const serveWords = { all: 'live', some: 'liveSome', none: 'liveNone' } as const

function howManyServe(state: ClusterState): keyof typeof serveWords {
  const serving = state.nodes.filter(({ name }) => isServing(state, name)).length
  if (serving === state.nodes.length) return 'all'
  return serving === 0 ? 'none' : 'some'
}

/** What the log says while it is empty. */
function nothingFor(standing: typeof connection | 'ended') {
  if (standing === 'live') return 'nothingYet'
  if (standing === 'reading' || standing === 'recorded') return 'nothingRecorded'
  return timeline.head.state.run === '' ? 'nothingHeard' : 'nothingHappened'
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
    translate()
  })
}
// So does the second cluster's frame.
onLanguageElsewhere(translate)

function translate(): void {
  showTexts()
  time.translate()
  story.translate()
  tour.translate()
  clusterDialog.translate()
  show()
}

/** A lab that is back may have other strategies, and no second cluster. */
async function meetLab(): Promise<void> {
  const isFirst = lab.facts.bounds === undefined
  await lab.refresh()
  if (isFirst && lab.facts.bounds !== undefined) await begin()
}

/** A link with a scene offers that; otherwise a first visit is offered the tour. */
async function begin(): Promise<void> {
  if (lab.facts.strategies.length > 0 && (await clusterDialog.offer(location.hash))) return
  tour.offer()
}

function frame(): void {
  const nowMs = performance.now()
  for (const message of player.advance(nowMs - frameMs)) send(message)
  frameMs = nowMs
  if (nowMs - shownMs >= SHOW_EVERY_MS) {
    shownMs = nowMs
    show()
  }
  if (nowMs - chartedMs >= CHARTS_EVERY_MS) {
    chartedMs = nowMs
    showCharts()
  }
  stage.draw()
  requestAnimationFrame(frame)
}

cluster.pidOf = (name) => findNode(stateNow(), name)?.pid
listenToKeys(stateNow, transport, { help: () => hands.openHelp(), faults: () => void hands.openFaults() })
document.body.classList.toggle('compact', isBeside)
const takeHome = byId('take-home', HTMLTemplateElement)
for (const place of document.querySelectorAll('.take-home')) place.append(takeHome.content.cloneNode(true))
// Browsers let a page of another machine use the clipboard over https only.
document.body.classList.toggle('copies', isSecureContext)
showTexts()
story.clear()
frame()
if (await enter()) listenLive(API, listener)
else connection = 'locked'
