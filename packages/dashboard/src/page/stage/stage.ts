/** The stage: its parts are HTML, so that they can be read, reached and pressed; dots and particles are drawn on a canvas below. */
import { type ClusterState, lifeOf, type NodeState, sum, sumRecent } from '@ninelives/history'
import { currentColours, onColours } from '../base/colours.ts'
import { cluster, recording } from '../base/control.ts'
import { byId, element, setText } from '../base/dom.ts'
import { census } from '../data/census.ts'
import type { Moment } from '../data/moment.ts'
import { isServing } from '../panels/sentence.ts'
import { currentLanguage, duration, figure, isWord, lifeWord, word } from '../base/words.ts'
import { Handles, type Way } from './handles.ts'
import { Picture, type Plan, type Point } from './picture.ts'
import type { Yard } from './places.ts'

const SHARE_SECONDS = 5
const DENSITY_MAX = 2
/** On a slow machine, dots move further in a frame, so that they are where they belong. */
const FRAME_MS_MAX = 1_000

interface House {
  readonly root: HTMLElement
  readonly yard: HTMLElement
  readonly life: HTMLElement
  /** For how long, where there is room. */
  readonly since: HTMLElement
  readonly facts: HTMLElement
  readonly kill: HTMLButtonElement
  /** The visitor of the shop was answered here last. */
  readonly you: HTMLElement
}

export interface StageActions {
  readonly kill: (node: string) => void
  /** Offers the faults of a part. */
  readonly breakPart: (target: string) => void
  /** Whether connections can be broken. */
  readonly hasEdges: () => boolean
}

export class Stage {
  readonly #root = byId('stage', HTMLElement)
  readonly #canvas = byId('picture', HTMLCanvasElement)
  readonly #picture: Picture
  readonly #actions: StageActions
  readonly #handles: Handles
  readonly #houses = new Map<string, House>()
  #lastMs = 0
  #layout = ''

  constructor(actions: StageActions) {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.#picture = new Picture(this.#canvas, still)
    this.#actions = actions
    this.#handles = new Handles(actions.breakPart)
    byId('store-break', HTMLButtonElement).addEventListener('click', () => actions.breakPart('store'))
    onColours(() => this.#picture.redraw())
    new ResizeObserver(() => (this.#layout = '')).observe(this.#root)
  }

  /** The parts' texts, and where the dots belong. */
  show(moment: Moment, nowMs: number, jump: boolean): void {
    const { state } = moment
    this.#showParts(moment, nowMs)
    const hasEdges = this.#actions.hasEdges()
    const layout = [
      state.run,
      state.strategy.name,
      hasEdges,
      currentLanguage(),
      ...state.nodes.map(({ name, state }) => name + state),
    ].join()
    if (layout !== this.#layout) {
      this.#layout = layout
      const plan = this.#plan(state)
      this.#picture.arrange(plan, state.users.all)
      this.#handles.arrange(hasEdges ? waysOf(plan, state) : [])
    }
    this.#picture.show(moment.served, moment.standings, jump)
  }

  send(ops: readonly number[], spanMs: number): void {
    this.#picture.send(ops, performance.now(), spanMs)
  }

  draw(): void {
    const nowMs = performance.now()
    this.#picture.draw(nowMs, Math.min(FRAME_MS_MAX, nowMs - this.#lastMs), currentColours())
    this.#lastMs = nowMs
  }

  /** Another run has other nodes. */
  clear(): void {
    this.#houses.clear()
    byId('houses', HTMLElement).replaceChildren()
    this.#layout = ''
  }

  #showParts(moment: Moment, nowMs: number): void {
    const { state } = moment
    const { nodes, out, away } = census(moment)
    const recent = sumRecent(state.users, SHARE_SECONDS)
    const seconds = Math.min(SHARE_SECONDS, Math.max(1, state.users.recent.length))
    setText(byId('balancer-rate', HTMLElement), word('perSecond', { n: Math.round(sum(recent.byNode) / seconds) }))
    const routing = `routing-${state.strategy.routing}`
    setText(byId('balancer-routing', HTMLElement), isWord(routing) ? word(routing) : '')
    const shape = storeShape(state)
    byId('store-name', HTMLElement).hidden = shape !== 'server' && shape !== 'file'
    setText(byId('store-text', HTMLElement), storeText(state))
    const storeBreak = byId('store-break', HTMLButtonElement)
    storeBreak.hidden = shape !== 'server' || recording.fork !== undefined
    storeBreak.disabled = !cluster.isThere
    setText(byId('out-count', HTMLElement), figure(out))
    setText(byId('away-count', HTMLElement), figure(away))
    this.#root.dataset['store'] = shape
    for (const [index, node] of state.nodes.entries()) {
      const house = this.#houses.get(node.name) ?? this.#addHouse(node.name, index)
      house.root.dataset['state'] = lifeOf(node)
      house.root.dataset['serves'] = String(isServing(state, node.name))
      const isIdle = node.state === 'up' && node.ejected
      const life = isIdle ? word('waitingForTraffic') : lifeWord(lifeOf(node))
      setText(house.life, life)
      setText(house.since, node.state === 'up' ? '' : ` · ${duration(nowMs - node.sinceMs)}`)
      // The average of the last seconds has answers of the process before.
      const isGone = node.state === 'down' || node.state === 'starting'
      const rate = isGone ? 0 : Math.round((recent.byNode[node.name] ?? 0) / seconds)
      // Where it takes two lines, the second begins with the dot.
      setText(house.facts, `${word('users', { n: nodes[index]?.in ?? 0 })} ·\u00A0${word('perSecond', { n: rate })}`)
      house.you.hidden = state.visitors.at(-1)?.node !== node.name
      setText(house.you, word('you'))
      house.kill.disabled = node.state === 'down' || !cluster.isThere
      house.kill.ariaLabel = word('killNode', { name: node.name, key: String(index + 1) })
      setText(house.kill.querySelector('span') ?? house.kill, word('kill'))
    }
  }

  #addHouse(name: string, index: number): House {
    const life = element('span', '')
    const since = element('span', 'since')
    const yard = element('div', 'yard')
    const facts = element('span', 'house-facts')
    const key = element('kbd', '')
    key.dataset['key'] = String(index + 1)
    const kill = element('button', 'kill', element('span', ''), key)
    kill.type = 'button'
    kill.addEventListener('click', () => this.#actions.kill(name))
    const head = element('div', 'house-head', element('h3', 'letter', name), element('span', 'life', life, since), kill)
    const you = element('span', 'you')
    you.hidden = true
    const root = element('section', 'house', head, you, yard, facts)
    byId('houses', HTMLElement).append(root)
    const house = { root, yard, life, since, facts, kill, you }
    this.#houses.set(name, house)
    return house
  }

  #plan(state: ClusterState): Plan {
    const { width, height, left, top } = this.#root.getBoundingClientRect()
    const density = Math.min(DENSITY_MAX, devicePixelRatio)
    this.#canvas.width = Math.round(width * density)
    this.#canvas.height = Math.round(height * density)
    this.#canvas.getContext('2d')?.setTransform(density, 0, 0, density, 0, 0)
    const box = (target: Element): Yard => {
      const rectangle = target.getBoundingClientRect()
      return {
        x: rectangle.left - left,
        y: rectangle.top - top,
        width: rectangle.width,
        height: rectangle.height,
      }
    }
    const store = box(byId('store', HTMLElement))
    const balancer = box(byId('balancer', HTMLElement))
    const shape = storeShape(state)
    return {
      width,
      height,
      nodes: state.nodes.flatMap((node) => {
        const house = this.#houses.get(node.name)
        return house === undefined ? [] : [housePlan(node, box(house.root), box(house.yard))]
      }),
      balancer: bottomOf(balancer),
      ...(shape === 'server' || shape === 'file' ? { store: topOf(store) } : {}),
      isMesh: shape === 'mesh',
      out: box(byId('out-yard', HTMLElement)),
      away: box(byId('away-yard', HTMLElement)),
    }
  }
}

function housePlan(node: NodeState, house: Yard, yard: Yard): Plan['nodes'][number] {
  return { yard, top: topOf(house), bottom: bottomOf(house), life: lifeOf(node) }
}

/** Those that are drawn as lines to a part each. */
function waysOf({ nodes, balancer, store }: Plan, state: ClusterState): Way[] {
  return nodes.flatMap(({ top, bottom }, index) => {
    const name = state.nodes[index]?.name ?? ''
    const up: Way = { edge: `balancer>${name}`, from: balancer, to: top }
    return store === undefined ? [up] : [up, { edge: `${name}>store`, from: bottom, to: store }]
  })
}

function topOf({ x, y, width }: Yard): Point {
  return { x: x + width / 2, y }
}

function bottomOf({ x, y, width, height }: Yard): Point {
  return { x: x + width / 2, y: y + height }
}

type StoreShape = 'mesh' | 'memory' | 'file' | 'server' | 'cookie'

function storeShape({ store, strategy }: ClusterState): StoreShape {
  if (strategy.name === 'token') return 'cookie'
  if (/^(replicated|clustered):/.test(store)) return 'mesh'
  if (store.startsWith('memory:')) return 'memory'
  return store.includes('sqlite:') ? 'file' : 'server'
}

function storeText(state: ClusterState): string {
  const shape = storeShape(state)
  if (shape === 'cookie') return word('storeToken')
  if (shape === 'mesh') return word('storeMesh')
  if (shape === 'memory') return word('storeMemory')
  if (shape === 'file') return word('storeFile')
  return /(\w+):\/\/[^/?]+/.exec(decodeURIComponent(state.store))?.[0] ?? ''
}
