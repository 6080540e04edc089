/**
 * The shop's API for the page. Every answer names the node that gave it, which the page shows.
 */

/** No answer, or an error answer with its `status` and `code`. */
export class ShopError extends Error {
  constructor(message, { status, code, node }) {
    super(message)
    this.name = 'ShopError'
    this.status = status
    this.code = code
    this.node = node
  }
}

const ANSWER_WITHIN_MS = 8_000
const REMEMBERED_AS = 'ninelives-visitor'

/** The same in all tabs, so that the lab's page can mark this browser. */
function visitor() {
  const known = localStorage.getItem(REMEMBERED_AS)
  if (known !== null) return known
  const made = randomId()
  localStorage.setItem(REMEMBERED_AS, made)
  return made
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The Idempotency-Key of one press: sent again with it, the request is carried out once. */
export const pressKey = randomId

/** Resolves to `{ body, node }` or rejects with a ShopError; calls `onAnswer` in either case. */
export function shopClient(onAnswer) {
  return async (method, path, { payload, key } = {}) => {
    const response = await fetch(path, {
      method,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      headers: {
        'X-Visitor': visitor(),
        ...(payload !== undefined && { 'Content-Type': 'application/json' }),
        ...(key !== undefined && { 'Idempotency-Key': key }),
      },
      ...(payload !== undefined && { body: JSON.stringify(payload) }),
    }).catch((cause) => {
      onAnswer({ node: undefined, ok: false })
      throw new ShopError(cause.message, { status: 0, code: 'UNREACHABLE' })
    })
    const node = response.headers.get('X-Served-By') ?? undefined
    const body = response.status === 204 ? {} : await response.json().catch(() => ({}))
    onAnswer({ node, ok: response.status < 500 })
    if (response.ok) return { body, node }
    const { code = 'UNKNOWN', message = response.statusText } = body.error ?? {}
    throw new ShopError(message, { status: response.status, code, node })
  }
}
