/**
 * Checks before anything is broken whether a system has the shop's interface: each operation of the virtual users, once. It
 * checks the shape of the answers and not whether sessions are kept: a system that shares no sessions between its nodes has the
 * interface, and the run shows what its users lose. So after a 401 it asks again, until it reaches the node with the session.
 */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { LabError, EXIT_BAD_INPUT } from '../errors.ts'
import { visible } from '../terminal/visible.ts'
import { CookieJar } from '../users/cookie-jar.ts'

interface Came {
  readonly status: number
  readonly text: string
  readonly body: Readonly<Record<string, unknown>>
  readonly setCookies: readonly string[]
  readonly servedBy: string | undefined
}

interface Check {
  readonly name: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Readonly<Record<string, string>>
  /** Sends no cookies. */
  readonly anew?: boolean
  /** Completes "where ... was expected". */
  readonly wants: string
  readonly isMet: (came: Came) => boolean
}

export interface InterfaceOptions {
  /** The number of accounts needed. */
  readonly users: number
  /** Makes this check's skus unique. */
  readonly run: string
  readonly say: (line: string) => void
}

const ANSWER_WAIT_MS = 5_000
const TEXT_SHOWN = 120
/** More than twice the number of nodes of most systems. */
const ASKED_AGAIN_MAX = 24

/** Resolves to the names of the nodes that answered. Rejects with LabError: the request, and the answer. */
export async function checkInterface(target: URL, { users, run, say }: InterfaceOptions): Promise<ReadonlySet<string>> {
  const servedBy = new Set<string>()
  let jar = new CookieJar()
  for (const check of checksOf(users, run)) {
    if (check.anew === true) jar = new CookieJar()
    const came = await patiently(target, check, jar)
    if (came.servedBy !== undefined) servedBy.add(came.servedBy)
    say(`  ok  ${check.name.padEnd(18)} ${asked(check)} -> ${came.status}`)
  }
  return servedBy
}

function checksOf(users: number, run: string): readonly Check[] {
  const sku = `check-${run}`
  return [
    {
      name: 'session, no login',
      method: 'GET',
      path: '/api/session',
      wants: '200 {authenticated: false}',
      isMet: ({ status, body }) => status === 200 && body['authenticated'] === false,
    },
    { name: 'cart, no login', method: 'GET', path: '/api/cart', wants: '401', isMet: ({ status }) => status === 401 },
    {
      ...login(0),
      name: 'wrong password',
      body: { name: 'user-0', password: 'not this one' },
      wants: '401',
      isMet: ({ status }) => status === 401,
    },
    ...(users > 1 ? [{ ...login(users - 1), name: 'last account' }] : []),
    { ...login(0), name: 'login' },
    {
      name: 'session',
      method: 'GET',
      path: '/api/session',
      wants: '200 {authenticated: true, user: "user-0"}',
      isMet: ({ status, body }) => status === 200 && body['authenticated'] === true && body['user'] === 'user-0',
    },
    {
      name: 'cart put',
      method: 'POST',
      path: '/api/cart',
      body: { sku },
      wants: `200 {user: "user-0", items: [{sku, quantity}, ...]} with "${sku}" among them`,
      isMet: (came) => isOwnCart(came) && came.text.includes(sku),
    },
    {
      name: 'cart get',
      method: 'GET',
      path: '/api/cart',
      wants: '200 {user: "user-0", items: [{sku, quantity}, ...]}',
      isMet: isOwnCart,
    },
    {
      name: 'counter',
      method: 'POST',
      path: '/api/counter',
      wants: '200 {count}, a number from 1 on',
      isMet: ({ status, body }) => status === 200 && Number.isInteger(body['count']) && Number(body['count']) > 0,
    },
    {
      name: 'logout',
      method: 'POST',
      path: '/api/logout',
      wants: '204',
      isMet: ({ status }) => status >= 200 && status < 300,
    },
  ]
}

function login(n: number): Omit<Check, 'name'> {
  return {
    method: 'POST',
    path: '/api/login',
    body: { name: `user-${n}`, password: `password-${n}` },
    anew: true,
    wants: '200 {user} with a Set-Cookie',
    isMet: ({ status, body, setCookies }) => status === 200 && body['user'] === `user-${n}` && setCookies.length > 0,
  }
}

function isOwnCart({ status, body }: Came): boolean {
  const { user, items } = body
  return status === 200 && user === 'user-0' && Array.isArray(items) && items.every(isItem)
}

function isItem(item: unknown): boolean {
  const { sku, quantity } = (item ?? {}) as { sku?: unknown; quantity?: unknown }
  return typeof sku === 'string' && typeof quantity === 'number'
}

/** Rejects with LabError if the last answer is not the expected one. */
async function patiently(target: URL, check: Check, jar: CookieJar): Promise<Came> {
  for (let attempt = 0; ; attempt++) {
    const came = await ask(target, check, jar)
    if (typeof came !== 'string' && check.isMet(came)) return came
    if (typeof came !== 'string' && attempt < ASKED_AGAIN_MAX && isUnrecognised(came, jar)) continue
    const what = typeof came === 'string' ? `nothing came back (${came})` : `${shown(came)} came back`
    const again = attempt === 0 ? '' : `, ${attempt + 1} times`
    throw new LabError(
      'TARGET_INTERFACE',
      EXIT_BAD_INPUT,
      `${target.origin} does not speak the shop's interface (${check.name}): asked ${asked(check)}${again}, ` +
        `and ${what}, where ${check.wants} was to come`,
    )
  }
}

/** The answer of a node that does not have the session, which another may have. */
function isUnrecognised({ status, body }: Came, jar: CookieJar): boolean {
  return jar.header() !== undefined && (status === 401 || body['authenticated'] === false)
}

/** The answer, or why there was none. */
async function ask(target: URL, { method, path, body }: Check, jar: CookieJar): Promise<Came | string> {
  const cookie = jar.header()
  const signal = AbortSignal.timeout(ANSWER_WAIT_MS)
  const sent = request(new URL(path, target), {
    method,
    signal,
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(cookie === undefined ? {} : { cookie }),
    },
  })
  // An error after the answer has begun ends the answer too, and is handled there.
  sent.on('error', () => undefined)
  sent.end(body === undefined ? undefined : JSON.stringify(body))
  try {
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const { statusCode: status = 0, headers } = response
    const setCookies = headers['set-cookie'] ?? []
    jar.store(setCookies)
    const text = ((await response.toArray()) as Buffer[]).join('')
    return { status, text, body: asObject(text), setCookies, servedBy: headers['x-served-by']?.toString() }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return signal.aborted ? `no whole answer in ${ANSWER_WAIT_MS / 1_000} s` : (code ?? message)
  }
}

function asObject(text: string): Came['body'] {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Came['body']) : {}
  } catch {
    // Not JSON, so it has none of the fields.
    return {}
  }
}

function asked({ method, path, body }: Check): string {
  return [method, path, ...(body === undefined ? [] : [JSON.stringify(body)])].join(' ')
}

function shown({ status, text, setCookies }: Came): string {
  const oneLine = visible(text.replaceAll(/\s+/g, ' ').trim())
  const cut = oneLine.length > TEXT_SHOWN ? `${oneLine.slice(0, TEXT_SHOWN)}...` : oneLine
  const cookies = setCookies.length === 0 ? 'no Set-Cookie' : 'a Set-Cookie'
  return `${status} ${cut === '' ? '(no body)' : cut} with ${cookies}`
}
