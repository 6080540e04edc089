/** Another cluster in place of this one, or two that are compared: strategies, how many nodes, users and tabs, the seed. */
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
  #isPair = false
  /** The scene's own number of users, at the step that stands for it: the steps are too coarse for each number. */
  #opened = { step: 0, users: 0 }

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
    const other = now.strategy === 'sticky' ? 'replicated' : 'sticky'
    await this.open({ ...now, beside: this.#lab.facts.beside ?? other })
  }

  /** Opens with the scene of a link. False if the link has none. */
  async offer(hash: string): Promise<boolean> {
    const { edges, bounds } = this.#lab.facts
    const scene = bounds && sceneOf(hash, sceneNow(this.#stateNow(), edges), bounds)
    if (scene !== undefined) await this.open(scene)
    return scene !== undefined
  }

  translate(): void {
    this.#fill(this.#scene())
  }

  async open(scene?: Scene): Promise<void> {
    const facts = await this.#lab.refresh()
    const now = scene ?? sceneNow(this.#stateNow(), facts.edges)
    const beside = scene === undefined ? facts.beside : scene.beside
    this.#faults = scene?.faults ?? []
    this.#isPair = typeof beside === 'string'
    this.#fill({ strategy: now.strategy, beside: beside ?? '' })
    for (const name of ['nodes', 'tabs', 'seed'] as const) {
      const { min = 0, max = now[name] } = facts.bounds?.[name] ?? {}
      Object.assign(input(name), { min, max, value: String(now[name]) })
    }
    this.#opened = { step: stepOf(now.users, this.#usersMax), users: now.users }
    input('users').value = String(this.#opened.step)
    input('edges').checked = now.edges
    this.#problem.hidden = true
    this.#showFigures()
    this.#dialog.showModal()
  }

  /** The strategies in the page's language. */
  #fill({ strategy, beside = '' }: Pick<Scene, 'strategy' | 'beside'>): void {
    const names = inOrder(this.#lab.facts.strategies)
    const options = (): HTMLOptionElement[] => names.map((name) => new Option(name, name))
    byId('cluster-strategies', HTMLElement).replaceChildren(...names.map((name) => choice(name, name === strategy)))
    select('first').replaceChildren(...options())
    select('first').value = strategy
    select('beside').replaceChildren(...options(), new Option(word('besideNone'), ''))
    select('beside').value = beside
    byId('cluster-one', HTMLElement).hidden = this.#isPair
    byId('cluster-two', HTMLElement).hidden = !this.#isPair
    setText(byId('cluster-title', HTMLElement), word(this.#isPair ? 'compare' : 'clusterTitle'))
    setText(byId('cluster-note', HTMLElement), word(this.#isPair ? 'compareNote' : 'clusterNote'))
    setText(byId('cluster-faults', HTMLElement), this.#faults.map((fault) => toldFault(fault)).join(', '))
    this.#showFigures()
  }

  get #usersMax(): number {
    return this.#lab.facts.bounds?.users.max ?? 1
  }

  get #users(): number {
    const step = Number(input('users').value)
    return step === this.#opened.step ? this.#opened.users : usersOf(step, this.#usersMax)
  }

  #scene(): Scene {
    const one = this.#dialog.querySelector<HTMLInputElement>('[name=strategy]:checked')?.value ?? ''
    const { value: beside } = select('beside')
    return {
      strategy: this.#isPair ? select('first').value : one,
      ...(this.#isPair && beside !== '' ? { beside } : {}),
      nodes: Number(input('nodes').value),
      users: this.#users,
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
    for (const name of ['first', 'beside'] as const)
      setText(byId(`cluster-${name}-about`, HTMLElement), aboutStrategy(select(name).value))
    if (!this.#start.disabled) setText(this.#start, startText(scene))
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
    setText(this.#start, startText(this.#scene()))
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
  const about = element('span', '', element('strong', '', name), element('span', 'note', aboutStrategy(name)))
  return element('label', 'choice', radio, about)
}

function aboutStrategy(name: string): string {
  const about = `strategy-${name}`
  return isWord(about) ? word(about) : ''
}

function startText({ beside }: Scene): string {
  return word(beside === undefined ? 'clusterStart' : 'compareStart')
}

function select(name: 'first' | 'beside'): HTMLSelectElement {
  return byId(`cluster-${name}`, HTMLSelectElement)
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
