/** The log: NDJSON for programs, lines for a person at a terminal. */
import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'
import type { Config } from '../config/config.ts'

type Entry = Readonly<Record<string, unknown>>

/** `base`: fields of every entry. */
export function logger({ logLevel, logFormat }: Config, base: Entry): Logger {
  const isText = logFormat === 'text' || (logFormat === 'auto' && process.stdout.isTTY)
  if (!isText) return pino({ level: logLevel, base }, ndjson())
  const lines = { write: (text: string) => void process.stdout.write(`${logLine(JSON.parse(text) as Entry)}\n`) }
  return pino({ level: logLevel, base }, lines)
}

/** What the access log says, the only message of which there are many. */
export const REQUEST = 'request'
/** Lines about requests are written together: each write is a system call, and wakes the process that reads the log. */
const TOGETHER_MS = 200
const TOGETHER_BYTES = 8_192
const MESSAGE_WANTED = Symbol.for('pino.metadata')

/** To stdout. Any other line is written at once, with those before it. */
function ndjson(): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: true, minLength: TOGETHER_BYTES })
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    stdout.flushSync()
  }
  process.on('exit', flush)
  const lines = {
    // pino sets the message of each line.
    [MESSAGE_WANTED]: true,
    lastMsg: '',
    write(text: string) {
      stdout.write(text)
      if (lines.lastMsg !== REQUEST) flush()
      else timer ??= setTimeout(flush, TOGETHER_MS).unref()
    },
  }
  return lines
}

const LEVELS: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 40: 'warning', 50: 'error', 60: 'fatal' }

/** Time, level where it is not `info`, what happened, and the rest as name=value. */
export function logLine({ time, level, pid, process: _process, event, msg, ...fields }: Entry): string {
  const at = new Date(Number(time)).toTimeString().slice(0, 8)
  const title = LEVELS[Number(level)]
  const what = [event, msg].filter((text) => typeof text === 'string').map((text) => text.replaceAll('-', ' '))
  const named = Object.entries({ ...fields, ...(pid === undefined ? {} : { worker: pid }) })
  const rest = named.filter(([, value]) => !isEmpty(value)).map(([name, value]) => `${name}=${shown(value)}`)
  return visible([at, ...(title === undefined ? [] : [`${title}:`]), what.join(': '), ...rest].join(' '))
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value
  return JSON.stringify(value)
}

/** Escapes control characters: a terminal obeys those in a client's path or a node's answer. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}
