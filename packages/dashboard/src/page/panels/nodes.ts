/** Each node in depth: its state and since when, its deaths, what the balancer decided about it, and what can be done to it. */
import { type ClusterState, lifeOf, type NodeState, sum, sumRecent } from '@ninelives/history'
import { cluster, heal, inject, startNode } from '../base/control.ts'
import { byId, element, setText } from '../base/dom.ts'
import { probeText, reasonText } from '../base/reasons.ts'
import { duration, figure, isWord, lifeWord, word, type Word } from '../base/words.ts'

const SHARE_SECONDS = 10

interface Card {
  readonly root: HTMLElement
  readonly show: (node: NodeState, state: ClusterState, share: number, nowMs: number) => void
}

const cards = new Map<string, Card>()

/** Cards are kept, and only their text changes. */
export function showNodes(state: ClusterState, nowMs: number): void {
  const { byNode } = sumRecent(state.users, SHARE_SECONDS)
  const answers = sum(byNode)
  for (const node of state.nodes) {
    const card = cards.get(node.name) ?? addCard(node.name)
    card.show(node, state, answers === 0 ? 0 : (byNode[node.name] ?? 0) / answers, nowMs)
  }
}

export function forgetNodes(): void {
  cards.clear()
  byId('nodes', HTMLElement).replaceChildren()
}

function addCard(name: string): Card {
  const card = makeCard(name)
  cards.set(name, card)
  byId('nodes', HTMLElement).append(card.root)
  return card
}

function makeCard(name: string): Card {
  const life = element('span', 'life')
  const pid = element('span', 'pid')
  const decision = element('p', 'decision')
  const facts = factList(['deaths', 'downtime', 'share', 'retries', 'reroutes', 'held'])
  const buttons = makeButtons()
  const head = element('div', 'node-head', element('h3', 'letter', name), life, pid)
  const root = element('li', 'node', head, facts.root, decision, buttons.root)
  return {
    root,
    show(node, state, share, nowMs) {
      root.dataset['state'] = lifeOf(node)
      const isIdle = node.state === 'up' && node.ejected
      const sinceMs = isIdle ? (node.decision?.atMs ?? node.sinceMs) : node.sinceMs
      const since = word('since', { time: duration(nowMs - sinceMs) })
      setText(life, `${isIdle ? word('waitingForTraffic') : lifeWord(lifeOf(node))} ${since}`)
      setText(pid, node.pid === undefined ? '' : `pid ${node.pid}`)
      setText(decision, `${checkText(node, nowMs)} ${decisionText(node, state, nowMs)}`)
      decision.title = checkNote(node)
      const isOut = node.state === 'down' || node.state === 'starting'
      const downMs = node.downtimeMs + (isOut ? nowMs - (node.downAtMs ?? nowMs) : 0)
      facts.show([
        figure(node.deaths),
        downMs === 0 ? '–' : duration(downMs),
        `${Math.round(share * 100)} %`,
        figure(node.retries),
        figure(node.reroutes),
        node.sessions === 0 ? word('noneHeld') : figure(node.sessions),
      ])
      buttons.show(node, state)
    },
  }
}

/** The last check, and since when checks end so. */
function checkText({ probe }: NodeState, nowMs: number): string {
  if (probe === undefined) return ''
  return word('probe', { result: probeText(probe), time: duration(nowMs - probe.atMs) })
}

function checkNote({ probe }: NodeState): string {
  return probe === undefined ? '' : word('probeNote', { n: probe.everyMs, took: figure(probe.tookMs) })
}

function decisionText(node: NodeState, { needs, nodes }: ClusterState, nowMs: number): string {
  const { decision, state, deaths, downtimeMs, awaits, probe } = node
  if (awaits !== undefined) return needs > 1 ? word('awaitsNodes', { needs, all: nodes.length }) : word('awaitsStore')
  // At its first start every node is readmitted.
  const isFirst = decision?.what === 'readmitted' && deaths === 0 && downtimeMs === 0
  if (decision === undefined || isFirst) return state === 'up' ? word('noDecision') : ''
  const values = { time: duration(nowMs - decision.atMs), reason: reasonText(decision.reason ?? '') }
  const isSaid = decision.what === 'ejected' && probe !== undefined && probe.result !== 'ready'
  if (isSaid) return word('ejected-probed', values)
  if (decision.what !== 'draining') return word(decision.what, values)
  return word(state === 'draining' ? 'draining-decision' : 'unready-decision', values)
}

function factList(names: readonly Word[]): { root: HTMLElement; show: (values: readonly string[]) => void } {
  const terms = names.map(() => element('dt', ''))
  const values = names.map(() => element('dd', ''))
  const root = element('dl', 'facts', ...terms.map((term, index) => element('div', '', term, values[index] ?? '')))
  return {
    root,
    show(texts) {
      for (const [index, name] of names.entries()) {
        setText(terms[index] ?? root, word(name))
        if (name === 'retries' || name === 'reroutes') (terms[index] ?? root).title = word(`${name}Note`)
        setText(values[index] ?? root, texts[index] ?? '')
      }
    },
  }
}

type Act = () => Promise<unknown>

interface Action {
  readonly className: string
  readonly label: (node: NodeState) => Word
  /** Undefined if it does not apply in the node's state. */
  readonly act: (node: NodeState, state: ClusterState) => Act | undefined
}

const actions: readonly Action[] = [
  {
    className: 'danger',
    label: () => 'kill',
    act: ({ name, state }) => (state === 'down' ? undefined : () => inject('kill', name)),
  },
  {
    className: '',
    label: () => 'pause',
    act: ({ name, state }) => (state === 'up' ? () => inject('pause', name) : undefined),
  },
  {
    className: '',
    label: () => 'drain',
    act: ({ name, state }) => (state === 'up' ? () => inject('drain', name) : undefined),
  },
  { className: '', label: ({ state }) => (state === 'down' ? 'start' : 'heal'), act: mend },
]

/** A start for a node that is down, or the end of its pause. */
function mend({ name, state }: NodeState, { faults }: ClusterState): Act | undefined {
  if (state === 'down') return () => startNode(name)
  const pause = faults.find((fault) => fault.kind === 'pause' && fault.target === name)
  return pause === undefined ? undefined : () => heal(pause, faults)
}

function makeButtons(): { root: HTMLElement; show: (node: NodeState, state: ClusterState) => void } {
  const shows: ((node: NodeState, state: ClusterState) => void)[] = []
  const buttons = actions.map(({ className, label, act }) => {
    const button = element('button', className)
    button.type = 'button'
    let now: Act | undefined
    button.addEventListener('click', () => void now?.())
    shows.push((node, state) => {
      now = act(node, state)
      const text = word(label(node))
      setText(button, text)
      button.ariaLabel = word('act', { action: text, name: node.name })
      const about = `${label(node)}Note`
      button.title = isWord(about) ? word(about) : ''
      button.disabled = now === undefined || !cluster.isThere
    })
    return button
  })
  return {
    root: element('div', 'actions', ...buttons),
    show(node, state) {
      for (const show of shows) show(node, state)
    },
  }
}
