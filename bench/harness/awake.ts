/**
 * Until told to rest, this process never sleeps. Waking a sleeper on another core is work, some 10 to 40 microseconds on a
 * virtual machine, which the kernel books on whoever writes the answer: a subject that keeps the load busy would be spared
 * what a slower one pays, and in use the client is on another machine anyway.
 */
export function stayAwake(): () => void {
  let awake = true
  const turn = (): void => void (awake && setImmediate(turn))
  turn()
  return () => (awake = false)
}
