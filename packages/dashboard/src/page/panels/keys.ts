/** 1 to 9 kill a node; with shift they pause it, or end its pause. */
import type { ClusterState } from '@ninelives/history'
import { control, inject } from '../base/control.ts'

export function listenToKeys(stateNow: () => ClusterState, help: () => void): void {
  addEventListener('keydown', (event) => {
    const { code, key, ctrlKey, altKey, metaKey, repeat, shiftKey, target } = event
    if (ctrlKey || altKey || metaKey || repeat) return
    if (target instanceof HTMLElement && target.matches('input, select, textarea')) return
    if (key === '?') return help()
    const [, digit] = /^(?:Digit|Numpad)([1-9])$/.exec(code) ?? []
    if (digit === undefined) return
    const { nodes, faults } = stateNow()
    const node = nodes[Number(digit) - 1]
    if (node === undefined) return
    event.preventDefault()
    const pause = faults.find((fault) => fault.kind === 'pause' && fault.target === node.name)
    if (!shiftKey) void inject('kill', node.name)
    else if (pause === undefined) void inject('pause', node.name)
    else void control('DELETE', `/api/faults/${pause.id}`)
  })
}
