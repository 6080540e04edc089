import { type ClusterState, nodeLabel, type NodeState } from '@ninelives/history'
import { control } from './control.ts'
import { element, setText } from './dom.ts'

type Act = () => Promise<void>

interface Action {
  readonly className: string
  readonly label: (node: NodeState) => string
  /** Undefined if the action does not apply in the node's state. */
  readonly act: (node: NodeState, state: ClusterState) => Act | undefined
}

const actions: readonly Action[] = [
  {
    className: 'danger',
    label: () => 'Kill',
    act: ({ name, state }) => (state === 'down' ? undefined : () => inject('kill', name)),
  },
  {
    className: '',
    label: () => 'Pause',
    act: ({ name, state }) => (state === 'up' ? () => inject('pause', name) : undefined),
  },
  {
    className: '',
    label: () => 'Drain',
    act: ({ name, state }) => (state === 'up' ? () => inject('drain', name) : undefined),
  },
  { className: 'mend', label: ({ state }) => (state === 'down' ? 'Start' : 'Heal'), act: mend },
]

function inject(kind: string, target: string): Promise<void> {
  return control('POST', '/api/faults', { kind, target })
}

/** A start for a node that is down, or the end of its pause. */
function mend({ name, state }: NodeState, { faults }: ClusterState): Act | undefined {
  if (state === 'down') return () => control('POST', `/api/nodes/${name}/start`)
  const pause = faults.find((fault) => fault.kind === 'pause' && fault.target === name)
  return pause === undefined ? undefined : () => control('DELETE', `/api/faults/${pause.id}`)
}

export interface Actions {
  readonly root: HTMLElement
  /** Shows the actions that apply in the node's state. */
  show(node: NodeState, state: ClusterState): void
}

export function makeActions(): Actions {
  const offers = actions.map((action) => makeOffer(action))
  return {
    root: element('div', 'actions', ...offers.map(({ button }) => button)),
    show(node, state) {
      for (const offer of offers) offer.show(node, state)
    },
  }
}

function makeOffer({ className, label, act }: Action): { button: HTMLElement; show: Actions['show'] } {
  const button = element('button', className)
  button.type = 'button'
  let now: Act | undefined
  button.addEventListener('click', () => void now?.())
  return {
    button,
    show(node, state) {
      now = act(node, state)
      setText(button, label(node))
      button.ariaLabel = `${label(node)} ${nodeLabel(node.name)}`
      button.disabled = now === undefined
    },
  }
}
