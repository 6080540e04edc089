/** What can be done to the cluster besides killing a node: every fault of the lab, a campaign, another rate. */
import type { ClusterState, FaultState } from '@ninelives/history'
import { API, apis, cluster, commandFor, curl, heal, inject, recording, setRate } from '../base/control.ts'
import { byId, element, setText } from '../base/dom.ts'
import { partsText } from '../base/parts.ts'
import { takesText } from '../base/reasons.ts'
import { figure, isWord, word, type Word } from '../base/words.ts'
import { kindName } from '../time/time.ts'

interface Kind {
  readonly kind: string
  readonly targets: readonly string[]
  readonly fields: readonly Field[]
}

interface Field {
  readonly name: string
  readonly takes: string
  readonly otherwise?: string | number
  readonly optional?: true
}

const CAMPAIGN_EVERY_MS = 5_000
const RATE_MIN = 1
const RATE_MAX = 1_000

export class Hands {
  readonly #stateNow: () => ClusterState
  #kinds: readonly Kind[] = []
  #campaign: ReturnType<typeof setInterval> | undefined
  #standing = ''
  #isDragging = false

  constructor(stateNow: () => ClusterState) {
    this.#stateNow = stateNow
    on('faults-open', () => void this.openFaults())
    on('help-open', () => this.openHelp())
    on('home-open', () => {
      this.openHelp()
      byId('help', HTMLElement).querySelector('.take-home')?.scrollIntoView()
    })
    on('campaign', () => this.#toggleCampaign())
    on('command-copy', () => void navigator.clipboard.writeText(byId('command-text', HTMLElement).innerText))
    const form = byId('fault-form', HTMLFormElement)
    form.addEventListener('input', ({ target }) => {
      if ((target as HTMLElement).id === 'fault-kind') this.#showKind()
      this.#showCommand()
    })
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#inject()
    })
    const slider = byId('rate', HTMLInputElement)
    slider.addEventListener('input', () => {
      this.#isDragging = true
      setText(byId('rate-figure', HTMLElement), figure(rateOf(slider)))
    })
    slider.addEventListener('change', () => {
      this.#isDragging = false
      void setRate(rateOf(slider))
    })
  }

  /** Reads anew what can be broken, as another run has another cluster. `target`: the part that was chosen. */
  async openFaults(target?: string): Promise<void> {
    if (recording.fork !== undefined) return recording.fork()
    const offered = await Promise.all(apis().map((api) => kindsOf(api)))
    this.#kinds = allOf(offered.flat())
    if (this.#kinds.length === 0) return
    const select = byId('fault-kind', HTMLSelectElement)
    const chosen = select.value
    select.replaceChildren(
      ...this.#kinds.map(({ kind }) => new Option(word('faultChoice', { kind, name: kindName(kind) }), kind)),
    )
    const fitting = this.#kinds.filter(({ targets }) => target === undefined || targets.includes(target))
    if (target !== undefined) select.value = (fitting.find(({ kind }) => kind === 'cut') ?? fitting[0])?.kind ?? ''
    else if (fitting.some(({ kind }) => kind === chosen)) select.value = chosen
    this.#showKind()
    if (target !== undefined) byId('fault-target', HTMLSelectElement).value = target
    this.#showCommand()
    this.#standing = ''
    this.show()
    byId('faults', HTMLDialogElement).showModal()
  }

  openHelp(): void {
    const keys: readonly (readonly [string, Word])[] = [
      ['1 … 9', 'keyKill'],
      ['⇧ 1 … 9', 'keyPause'],
      ['F', 'keyFaults'],
      ['␣', 'keySpace'],
      ['← →', 'keyArrows'],
      ['N P', 'keyAnomaly'],
      ['L', 'keyLive'],
      ['?', 'keyHelp'],
    ]
    byId('help-keys', HTMLElement).replaceChildren(
      ...keys.map(([key, name]) =>
        element('div', '', element('dt', '', element('kbd', '', key)), element('dd', '', word(name))),
      ),
    )
    const { nodes, balancer } = this.#stateNow()
    const name = (nodes[1] ?? nodes[0])?.name ?? 'a'
    const commands: readonly (readonly [string, string])[] = [
      [commandFor('POST', `${API}/faults`, { kind: 'kill', target: name }), word('commandKill', { name })],
      [`${curl()} ${location.origin}${API}/cluster`, word('commandState')],
      [`${curl('-N')} ${location.origin}${API}/events`, word('commandEvents')],
      ['npx ninelives prove --strategy replicated', word('commandProve')],
      [`npx ninelives prove --target ${balancer.url ?? 'http://127.0.0.1:8080'} --help`, word('commandOwn')],
    ]
    byId('help-commands', HTMLElement).replaceChildren(
      ...commands.map(([command, what]) => element('li', '', element('code', '', command), element('span', '', what))),
    )
    byId('help', HTMLDialogElement).showModal()
  }

  show(): void {
    const { users, seed, faults, phase } = this.#stateNow()
    byId('seed', HTMLElement).title = word('seedNote')
    setText(byId('seed', HTMLElement), phase === 'starting' ? '' : word('seed', { n: String(seed) }))
    const slider = byId('rate', HTMLInputElement)
    slider.disabled = users.all === 0 || !cluster.isThere
    for (const id of ['faults-open', 'campaign']) byId(id, HTMLButtonElement).disabled = !cluster.isThere
    if (this.#campaign !== undefined && !cluster.isThere) this.#toggleCampaign()
    if (!this.#isDragging && users.rate > 0) {
      slider.value = String(Math.round((100 * Math.log(users.rate / RATE_MIN)) / Math.log(RATE_MAX / RATE_MIN)))
      setText(byId('rate-figure', HTMLElement), figure(users.rate))
      slider.ariaValueText = figure(users.rate)
    }
    const standing = JSON.stringify([faults, document.documentElement.lang])
    if (standing === this.#standing) return
    this.#standing = standing
    byId('standing', HTMLElement).replaceChildren(
      ...(faults.length === 0 ? [element('li', 'nothing', word('nothingBroken'))] : []),
      ...faults.map((fault) => {
        const button = element('button', '', word('healFault'))
        button.type = 'button'
        button.addEventListener('click', () => void heal(fault, faults))
        return element('li', '', element('span', '', toldStanding(fault)), button)
      }),
    )
  }

  #kindNow(): Kind | undefined {
    const { value } = byId('fault-kind', HTMLSelectElement)
    return this.#kinds.find(({ kind }) => kind === value)
  }

  #showKind(): void {
    const kind = this.#kindNow()
    const select = byId('fault-target', HTMLSelectElement)
    // What was chosen stays, if that kind can fall on it.
    const chosen = select.value
    select.replaceChildren(...(kind?.targets ?? []).map((target) => new Option(partsText(target), target)))
    if (kind?.targets.includes(chosen) === true) select.value = chosen
    byId('fault-fields', HTMLElement).replaceChildren(...(kind?.fields ?? []).map((field) => fieldOf(field)))
  }

  #body(): Readonly<Record<string, unknown>> {
    const inputs = [...byId('fault-fields', HTMLElement).querySelectorAll<HTMLInputElement>('input, select')]
    const fields = inputs.flatMap(({ name, value }) =>
      value === '' ? [] : [[name, /^-?\d+$/.test(value) ? Number(value) : value] as const],
    )
    const kind = this.#kindNow()?.kind ?? 'kill'
    return { kind, target: byId('fault-target', HTMLSelectElement).value, ...Object.fromEntries(fields) }
  }

  #showCommand(): void {
    setText(byId('fault-command', HTMLElement), commandFor('POST', `${API}/faults`, this.#body()))
  }

  async #inject(): Promise<void> {
    const { kind, target, ...options } = this.#body()
    const problem = await inject(String(kind), String(target), options)
    const shown = byId('fault-problem', HTMLElement)
    shown.hidden = problem === undefined
    setText(shown, problem ?? '')
    if (problem === undefined) byId('faults', HTMLDialogElement).close()
  }

  #toggleCampaign(): void {
    const isOn = this.#campaign === undefined
    clearInterval(this.#campaign)
    this.#campaign = isOn ? setInterval(killOne, CAMPAIGN_EVERY_MS) : undefined
    if (isOn) killOne()
    byId('campaign', HTMLElement).ariaPressed = String(isOn)
  }
}

/** What can be broken there; nothing if the lab does not answer. */
async function kindsOf(api: string): Promise<readonly Kind[]> {
  const response = await fetch(`${api}/faults`).catch(() => undefined)
  return response?.ok === true ? ((await response.json()) as { kinds: readonly Kind[] }).kinds : []
}

/** Each kind once, with all of its targets: one of two clusters may have a store, or edges, that the other has not. */
function allOf(kinds: readonly Kind[]): readonly Kind[] {
  const byKind = Map.groupBy(kinds, ({ kind }) => kind)
  return [...byKind.values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : [{ ...first, targets: [...new Set([first, ...others].flatMap(({ targets }) => targets))] }],
  )
}

function toldStanding({ kind, target }: FaultState): string {
  return word('standingFault', { kind, name: kindName(kind), target: partsText(target) })
}

function killOne(): void {
  void inject('kill', 'random')
}

/** Choices become a list, everything else a text with what it takes. */
function fieldOf({ name, takes, otherwise, optional }: Field): HTMLElement {
  const isChoice = /^[a-z-]+(, [a-z-]+)+$/.test(takes)
  const input = isChoice ? element('select', '') : element('input', '')
  input.name = name
  if (input instanceof HTMLSelectElement)
    for (const choice of takes.split(', ')) input.add(new Option(choiceText(choice), choice))
  else input.placeholder = takesText(takes)
  if (otherwise !== undefined) input.value = String(otherwise)
  else if (optional !== true) input.required = true
  const about = `field-${name}`
  return element('label', '', element('span', '', isWord(about) ? word(about) : name), input)
}

function choiceText(choice: string): string {
  const name = `choice-${choice}`
  return isWord(name) ? word(name) : choice
}

/** The slider is logarithmic. */
function rateOf({ value }: HTMLInputElement): number {
  return Math.round(RATE_MIN * (RATE_MAX / RATE_MIN) ** (Number(value) / 100))
}

function on(id: string, act: () => void): void {
  byId(id, HTMLButtonElement).addEventListener('click', act)
}
