/** At another address than loopback, the lab wants the token of the link that it shows in its terminal. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

/** Whether requests need the token. */
export const isElsewhere = !LOOPBACK_NAMES.includes(location.hostname)

/** Changes the link's token for a cookie, as an event stream can't send a token. False if the lab refuses. */
export async function enter(): Promise<boolean> {
  const token = tokenOf(location.hash)
  // A link may be opened, or scanned, where the page is open already.
  addEventListener('hashchange', () => {
    if (tokenOf(location.hash) !== undefined) location.reload()
  })
  if (!isElsewhere) return true
  try {
    if (token === undefined) return (await fetch('/api/lab')).status !== 401
    // It stays neither in sight nor in the history.
    history.replaceState(null, '', location.pathname + location.search)
    return (await fetch('/api/entrance', { method: 'POST', headers: { authorization: `Bearer ${token}` } })).ok
  } catch {
    // The lab is gone: the page says so as soon as it listens.
    return true
  }
}

function tokenOf(hash: string): string | undefined {
  return /^#token=([\w-]+)$/.exec(hash)?.[1]
}
