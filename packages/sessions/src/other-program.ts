/**
 * Names the program at the address of a store, where it is another one than the URL says. The driver can't: it does not understand
 * what that program answers, or waits for an answer that never comes. Looked at only while a store does not open, with two
 * connections to each host, and nothing that they send changes anything in any of these programs.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreConfigError } from './errors.ts'

type Program = keyof typeof PROGRAMS

export interface Expected {
  readonly program: Program
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
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

async function refuseOthers({ program, hosts }: Expected): Promise<void> {
  const found = await Promise.all(
    hosts.map(async ({ host, port }) => ({ at: `${host}:${port}`, is: await programAt(host, port) })),
  )
  const other = found.find(({ is }) => is !== undefined && is !== program)
  if (other?.is === undefined) return
  throw new StoreConfigError(
    `${other.at} answers, but it is not ${program}: it is ${other.is}, ${PROGRAMS[other.is].hint}`,
  )
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
  const { promise, resolve } = Promise.withResolvers<string>()
  socket.on('connect', () => void setTimeout(() => socket.write(question), GREETING_WAIT_MS).unref())
  socket.on('data', (data) => resolve(data.toString('latin1')))
  socket.on('error', () => resolve(''))
  socket.on('close', () => resolve(''))
  const late = setTimeout(() => socket.destroy(), ANSWER_WAIT_MS)
  try {
    return await promise
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}
