import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 10

/** Polls until the condition holds; an error of the condition counts as false. Rejects after the deadline, or when it is hopeless. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = 60_000,
  hopeless: () => boolean = () => false,
): Promise<void> {
  const deadlineAtMs = Date.now() + deadlineMs
  let cause: unknown
  while (Date.now() < deadlineAtMs && !hopeless()) {
    const held = await Promise.resolve()
      .then(holds)
      .catch((error: unknown) => {
        cause = error
        return false
      })
    if (held) return
    await sleep(POLL_MS)
  }
  throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause })
}
