/**
 * Keeps this process awake until the returned function is called. Waking a process on another core takes some 10 to 40 microseconds on a
 * virtual machine, which the kernel books on the process that writes the answer: a fast subject, which keeps the load busy, would pay
 * less of it than a slow one.
 */
export function stayAwake(): () => void {
  let awake = true
  const turn = (): void => void (awake && setImmediate(turn))
  turn()
  return () => (awake = false)
}
