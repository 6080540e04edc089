/**
 * Names the program at the address of a store, where it is another one than the URL says. The driver can't: it does not understand
 * what that program answers, or waits for an answer that never comes. The same where one of the two expects TLS and the other does not.
 * Looked at only while a store does not open, with up to three connections to each host, and nothing that they send changes anything in any of these programs.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { StoreConfigError } from './errors.ts'

type Program = keyof typeof PROGRAMS

export interface Expected {
  readonly program: Program
  readonly hosts: readonly Host[]
  /** How its URL begins with TLS and without; absent where a connection begins in plain text and asks for TLS. */
  readonly schemes?: { readonly tls: string; readonly plain: string; readonly isTls: boolean }
}

interface Host {
  readonly host: string
  readonly port: number
}

/** How each of them begins what it says, and what a user does about it. */
const PROGRAMS = {
  Redis: { says: /^(?:\+|-[A-Z]+ )/, hint: 'whose URL begins with redis://' },
  Memcached: { says: /^(?:VERSION|ERROR)\b/, hint: 'whose URL begins with memcached://' },
  PostgreSQL: { says: /^[NS]$/, hint: 'whose URL begins with postgres://' },
  // A packet with the number 0: a greeting, or an error such as that of too many connections.
  'MySQL or MariaDB': { says: /^...\0[\n\xff]/s, hint: 'whose URL begins with mysql://' },
  'an HTTP server': { says: /^HTTP\/\d/, hint: 'which keeps no sessions' },
} as const

/** A MySQL greets. A PostgreSQL answers the question for TLS, and the others a line that they may not know. */
const QUESTIONS = [Buffer.from('version\r\n'), Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])]
const LOOK_AFTER_MS = 500
const GREETING_WAIT_MS = 250
const ANSWER_WAIT_MS = 2_000

/** Settles as `opening` does, or rejects with StoreConfigError if another program answers at one of the hosts. */
export async function unlessOtherProgram(opening: Promise<unknown>, expected: Expected): Promise<void> {
  const isOpen = await Promise.race([opening.then(() => true), sleep(LOOK_AFTER_MS, false, { ref: false })]).catch(
    (error: unknown) => {
      if (error instanceof StoreConfigError) throw error
      return false
    },
  )
  if (!isOpen) {
    const looking = refuseOthers(expected)
    await Promise.race([looking, opening.catch(() => looking)])
  }
  await opening
}

async function refuseOthers(expected: Expected): Promise<void> {
  const found = await Promise.all(expected.hosts.map((host) => whatIsWrong(host, expected)))
  const wrong = found.find((each) => each !== undefined)
  if (wrong !== undefined) throw new StoreConfigError(wrong)
}

/** Undefined if nothing is, or nothing can be told. */
async function whatIsWrong({ host, port }: Host, { program, schemes }: Expected): Promise<string | undefined> {
  const at = `${host}:${port}`
  const [found, isTls] = await Promise.all([programAt(host, port), schemes?.isTls === false && speaksTls(host, port)])
  if (found !== undefined && found !== program)
    return `${at} answers, but it is not ${program}: it is ${found}, ${PROGRAMS[found].hint}`
  if (found !== undefined && schemes?.isTls === true)
    return `${at} is ${program}, but without TLS: its URL begins with ${schemes.plain}`
  if (found === undefined && isTls) return `${at} answers, but only over TLS: its URL begins with ${schemes?.tls}`
  return undefined
}

async function speaksTls(host: string, port: number): Promise<boolean> {
  // Who it is does not matter here: nothing is sent but the greeting.
  const socket = connectTls({ host, port, rejectUnauthorized: false })
  return await heard(socket, false, (tell) => socket.on('secureConnect', () => tell(true)))
}

/** Undefined if nothing answers there, or a program that is none of these. */
async function programAt(host: string, port: number): Promise<Program | undefined> {
  const programs = Object.keys(PROGRAMS) as Program[]
  const known = new AbortController()
  const answers = QUESTIONS.map(async (question) => {
    const words = await firstWords(connect({ host, port, signal: known.signal }), question)
    const program = programs.find((program) => PROGRAMS[program].says.test(words))
    return program ?? Promise.reject(new Error('none of these'))
  })
  try {
    return await Promise.any(answers)
  } catch {
    return undefined
  } finally {
    known.abort()
  }
}

/** What a program says by itself, or else to the question. Empty if that is nothing. */
async function firstWords(socket: Socket, question: Buffer): Promise<string> {
  return await heard(socket, '', (tell) => {
    socket.on('connect', () => void setTimeout(() => socket.write(question), GREETING_WAIT_MS).unref())
    socket.on('data', (data) => tell(data.toString('latin1')))
  })
}

/** What `listen` hears of the socket, or `otherwise` if it ends or is silent for too long before that. It is closed then. */
async function heard<T>(socket: Socket, otherwise: T, listen: (tell: (value: T) => void) => void): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  listen(resolve)
  socket.on('error', () => resolve(otherwise))
  socket.on('close', () => resolve(otherwise))
  const late = setTimeout(() => socket.destroy(), ANSWER_WAIT_MS)
  try {
    return await promise
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}
