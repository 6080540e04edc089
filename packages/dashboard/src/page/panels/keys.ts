/** 1 to 9 kill a node; with shift they pause it, or end its pause. Space stops the time that is shown, arrows move it. */
import type { ClusterState } from '@ninelives/history'
import { heal, inject } from '../base/control.ts'

export interface Dialogs {
  readonly help: () => void
  readonly faults: () => void
}

export interface TimeKeys {
  readonly toggle: () => void
  readonly live: () => void
  readonly step: (by: number) => void
  readonly jump: (isNext: boolean) => void
}

export function listenToKeys(stateNow: () => ClusterState, time: TimeKeys, dialogs: Dialogs): void {
  const others: Readonly<Record<string, () => void>> = {
    '?': dialogs.help,
    f: dialogs.faults,
    ' ': () => time.toggle(),
    l: () => time.live(),
    n: () => time.jump(true),
    p: () => time.jump(false),
    ArrowLeft: () => time.step(-1),
    ArrowRight: () => time.step(1),
  }
  addEventListener('keydown', (event) => {
    const { code, key, ctrlKey, altKey, metaKey, repeat, shiftKey, target } = event
    if (ctrlKey || altKey || metaKey || repeat) return
    // The focus may have left an open dialog, which is in front of everything that the keys act on.
    if (document.querySelector('dialog[open]') !== null) return
    if (target instanceof HTMLElement && target.closest('input, select, textarea') !== null) return
    if (key === ' ' && target instanceof HTMLElement && target.matches('button, a')) return
    if (Object.hasOwn(others, key)) {
      event.preventDefault()
      return others[key]?.()
    }
    const [, digit] = /^(?:Digit|Numpad)([1-9])$/.exec(code) ?? []
    if (digit === undefined) return
    const { nodes, faults } = stateNow()
    const node = nodes[Number(digit) - 1]
    if (node === undefined) return
    event.preventDefault()
    const pause = faults.find((fault) => fault.kind === 'pause' && fault.target === node.name)
    if (!shiftKey) void inject('kill', node.name)
    else if (pause === undefined) void inject('pause', node.name)
    else void heal(pause, faults)
  })
}
