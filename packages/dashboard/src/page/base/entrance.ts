/** At another address than loopback, and in a container, the lab wants the token of the link that it shows in its terminal. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

/** Without an answer, the page says by itself that the lab is gone. */
const WHEN_GONE = true

/** Whether the page is shown by another device than the lab's. */
export const isElsewhere = !LOOPBACK_NAMES.includes(location.hostname)

/** Whether requests of a terminal need the token. */
export const wantsToken = isElsewhere || tokenOf(location.hash) !== undefined

/** Changes the link's token for a cookie, as an event stream can't send a token. False if the lab refuses. */
export async function enter(): Promise<boolean> {
  const token = tokenOf(location.hash)
  // A link may be opened, or scanned, where the page is open already.
  addEventListener('hashchange', () => {
    if (tokenOf(location.hash) !== undefined) location.reload()
  })
  if (token === undefined) return await isAdmitted()
  try {
    // It stays neither in sight nor in the history.
    history.replaceState(null, '', location.pathname + location.search)
    return (await fetch('/api/entrance', { method: 'POST', headers: { authorization: `Bearer ${token}` } })).ok
  } catch {
    return WHEN_GONE
  }
}

/** Whether the lab knows this browser. */
export async function isAdmitted(): Promise<boolean> {
  return (await lookIn()) !== 'locked'
}

/** Whether the lab answers, and answers this browser. */
export async function lookIn(): Promise<'open' | 'locked' | 'gone'> {
  try {
    return (await fetch('/api/lab')).status === 401 ? 'locked' : 'open'
  } catch {
    return 'gone'
  }
}

function tokenOf(hash: string): string | undefined {
  return /^#token=([\w-]+)$/.exec(hash)?.[1]
}
