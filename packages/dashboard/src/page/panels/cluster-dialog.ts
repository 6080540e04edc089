/** Another cluster in place of this one: its strategy, how many nodes, users and tabs, the seed, and a second one beside it. */
import type { ClusterState } from '@ninelives/history'
import { cluster, commandFor } from '../base/control.ts'
import { byId, element, setText } from '../base/dom.ts'
import { partsText } from '../base/parts.ts'
import { duration, figure, isWord, word } from '../base/words.ts'
import type { LabView } from '../data/lab.ts'
import type { Director } from '../scene/director.ts'
import { kindName } from '../time/time.ts'
import { commandOf, linkOf, type PlannedFault, type Scene, sceneNow, sceneOf } from '../scene/scene.ts'

export class ClusterDialog {
  readonly #stateNow: () => ClusterState
  readonly #lab: LabView
  readonly #director: Director
  readonly #dialog = byId('cluster', HTMLDialogElement)
  readonly #problem = byId('cluster-problem', HTMLElement)
  readonly #start = byId('cluster-start', HTMLButtonElement)
  #faults: readonly PlannedFault[] = []

  constructor(stateNow: () => ClusterState, lab: LabView, director: Director) {
    this.#stateNow = stateNow
    this.#lab = lab
    this.#director = director
    byId('strategy', HTMLButtonElement).addEventListener('click', () => void this.open())
    byId('compare', HTMLButtonElement).addEventListener('click', () => void this.#compare())
    const form = byId('cluster-form', HTMLFormElement)
    form.addEventListener('input', () => this.#showFigures())
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#begin()
    })
  }

  /** In the bar: the strategy that runs. */
  show(name: string): void {
    const button = byId('strategy', HTMLButtonElement)
    setText(byId('strategy-name', HTMLElement), name)
    button.disabled = this.#lab.facts.strategies.length === 0 || !cluster.isThere
    button.ariaBusy = String(this.#director.isChanging)
    const compare = byId('compare', HTMLButtonElement)
    compare.hidden = this.#lab.facts.strategies.length === 0
    compare.disabled = button.disabled
  }

  /** Offers the present cluster, and one beside it whose users are logged out where this one's are not, or the other way round. */
  async #compare(): Promise<void> {
    const now = sceneNow(this.#stateNow(), this.#lab.facts.edges)
    await this.open({ ...now, beside: now.strategy === 'sticky' ? 'replicated' : 'sticky' })
  }

  /** Opens with the scene of a link. False if the link has none. */
  async offer(hash: string): Promise<boolean> {
    const { edges, bounds } = this.#lab.facts
    const scene = bounds && sceneOf(hash, sceneNow(this.#stateNow(), edges), bounds)
    if (scene !== undefined) await this.open(scene)
    return scene !== undefined
  }

  async open(scene?: Scene): Promise<void> {
    const { strategies, ...facts } = await this.#lab.refresh()
    const now = scene ?? sceneNow(this.#stateNow(), facts.edges)
    const beside = scene === undefined ? facts.beside : scene.beside
    this.#faults = scene?.faults ?? []
    byId('cluster-strategies', HTMLElement).replaceChildren(
      ...inOrder(strategies).map((name) => choice(name, name === now.strategy)),
    )
    setText(byId('cluster-faults', HTMLElement), this.#faults.map((fault) => toldFault(fault)).join(', '))
    const besides = [new Option(word('besideNone'), ''), ...strategies.map((name) => new Option(name, name))]
    const select = byId('cluster-beside', HTMLSelectElement)
    select.replaceChildren(...besides)
    select.value = beside ?? ''
    for (const name of ['nodes', 'tabs', 'seed'] as const) {
      const { min = 0, max = now[name] } = facts.bounds?.[name] ?? {}
      Object.assign(input(name), { min, max, value: String(now[name]) })
    }
    input('users').value = String(stepOf(now.users, this.#usersMax))
    input('edges').checked = now.edges
    this.#problem.hidden = true
    this.#showFigures()
    this.#dialog.showModal()
  }

  get #usersMax(): number {
    return this.#lab.facts.bounds?.users.max ?? 1
  }

  #scene(): Scene {
    const { value: beside } = byId('cluster-beside', HTMLSelectElement)
    const chosen = this.#dialog.querySelector<HTMLInputElement>('[name=strategy]:checked')?.value ?? ''
    return {
      strategy: chosen,
      ...(beside === '' ? {} : { beside }),
      nodes: Number(input('nodes').value),
      users: usersOf(Number(input('users').value), this.#usersMax),
      tabs: Number(input('tabs').value),
      rate: this.#stateNow().users.rate,
      seed: Number(input('seed').value),
      edges: input('edges').checked,
      faults: this.#faults,
    }
  }

  #showFigures(): void {
    const scene = this.#scene()
    const { nodes, users, tabs, ...rest } = scene
    byId('cluster-link', HTMLAnchorElement).href = `#${linkOf(scene)}`
    for (const [name, value] of Object.entries({ nodes, users, tabs })) {
      setText(byId(`cluster-${name}-figure`, HTMLElement), figure(value))
      input(name).ariaValueText = figure(value)
    }
    setText(
      byId('cluster-command', HTMLElement),
      commandFor('POST', '/api/strategy', { strategy: rest.strategy, nodes, users, tabs, seed: rest.seed }),
    )
    setText(byId('cluster-start-command', HTMLElement), commandOf(scene))
  }

  async #begin(): Promise<void> {
    this.#start.disabled = true
    setText(this.#start, word('clusterBegins'))
    this.#problem.hidden = true
    const problem = await this.#director.begin(this.#scene())
    this.#start.disabled = false
    setText(this.#start, word('clusterStart'))
    this.#problem.hidden = problem === undefined
    setText(this.#problem, problem ?? '')
    if (problem === undefined) this.#dialog.close()
  }
}

/** From the simplest to what survives most. */
const ORDER = ['memory', 'sticky', 'token', 'redis', 'memcached', 'database', 'replicated', 'clustered', 'hybrid']

function inOrder(strategies: readonly string[]): readonly string[] {
  return strategies.toSorted((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))
}

function toldFault({ kind, target, afterMs }: PlannedFault): string {
  return word('plannedFault', { kind, name: kindName(kind), target: partsText(target), time: duration(afterMs) })
}

function choice(name: string, isChecked: boolean): HTMLElement {
  const radio = element('input', '')
  radio.type = 'radio'
  radio.name = 'strategy'
  radio.value = name
  radio.checked = isChecked
  radio.autofocus = isChecked
  const about = `strategy-${name}`
  return element(
    'label',
    'choice',
    radio,
    element('span', '', element('strong', '', name), element('span', 'note', isWord(about) ? word(about) : '')),
  )
}

function input(name: string): HTMLInputElement {
  return byId(`cluster-${name}`, HTMLInputElement)
}

/** 0, then 1 to the most on a logarithmic scale of a hundred steps. */
function usersOf(step: number, max: number): number {
  if (step === 0) return 0
  const exact = max ** ((step - 1) / 99)
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(exact)) - 1)
  return Math.round(exact / unit) * unit
}

function stepOf(users: number, max: number): number {
  return users === 0 ? 0 : Math.round((Math.log(users) / Math.log(max)) * 99) + 1
}
