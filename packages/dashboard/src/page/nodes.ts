import { type ClusterState, nodeLabel, type NodeState, sum, sumRecent } from '@ninelives/history'
import { makeActions } from './actions.ts'
import { byId, element, setText } from './dom.ts'

const SHARE_SECONDS = 10

interface Card {
  show(node: NodeState, state: ClusterState, share: number): void
  readonly root: HTMLElement
}

const cards = new Map<string, Card>()

/** One card a node. Cards are kept, and only their text changes. */
export function showNodes(state: ClusterState): void {
  const { byNode } = sumRecent(state.users, SHARE_SECONDS)
  const answers = sum(byNode)
  for (const node of state.nodes) {
    const card = cards.get(node.name) ?? addCard(node.name)
    card.show(node, state, answers === 0 ? 0 : (byNode[node.name] ?? 0) / answers)
  }
}

/** Cards of an earlier run. */
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
  const stateText = element('span', 'node-state')
  const facts = factList(['pid', 'sessions', 'answers', 'deaths'])
  const bar = element('div', '')
  const share = element('div', 'share', bar)
  share.ariaHidden = 'true'
  const actions = makeActions()
  const heading = element('h3', '', nodeLabel(name))
  const root = element('li', 'node', element('div', 'node-head', heading, stateText), facts.root, share, actions.root)
  return {
    root,
    show(node, state, part) {
      root.dataset['state'] = node.state
      setText(stateText, node.ejected && node.state === 'up' ? 'up, not in use yet' : node.state)
      const percent = `${Math.round(part * 100)} %`
      facts.set([String(node.pid ?? '–'), String(node.sessions), percent, String(node.deaths)])
      bar.style.width = percent.replace(' ', '')
      actions.show(node, state)
    },
  }
}

function factList(names: readonly string[]): { root: HTMLElement; set: (values: readonly string[]) => void } {
  const values = names.map(() => element('dd', ''))
  const pairs = names.map((name, index) => element('div', '', element('dt', '', name), values[index] ?? ''))
  return {
    root: element('dl', 'node-facts', ...pairs),
    set: (texts) => values.forEach((value, index) => setText(value, texts[index] ?? '')),
  }
}
