import { StoreConfigError } from '@ninelives/sessions'
import { examine, type Examination, type Finding } from '@ninelives/sessions/doctor'
import { count } from '@ninelives/history'
import { type Config, withoutPassword } from '../config.ts'
import { UsageError } from '../errors.ts'
import { type Colour, type Paint, painter } from '../terminal/paint.ts'
import { visibleJson } from '../terminal/visible.ts'
import { type Flag, flagsHelp, parseFlags, switchFlag } from './command/flags.ts'
import { storeFlags, storeOf } from './command/store-flags.ts'
import { say } from '../terminal/say.ts'

const accept: Flag<readonly string[]> = {
  placeholder: 'NAME,...',
  help: 'findings that do not count, by the names in brackets; they are shown all the same (none)',
  otherwise: [],
  takes: 'names of findings, separated by commas',
  parse(value, before) {
    const names = value.split(',')
    return names.every((name) => /^[A-Za-z-]+$/.test(name)) ? [...before, ...names] : undefined
  },
}

const doctorFlags = {
  'store-file': storeFlags['store-file'],
  accept,
  json: switchFlag('the findings as JSON, and nothing else'),
}

const doctorHelp = `ninelives doctor URL [flags]

Looks at a session store before production does: whether it answers and how fast, whether this
account may do what the store needs, and what in its server's settings and state loses sessions,
each with its remedy. It creates one record of its own, and ends it. URL is a store's URL or the
path of a module; without one, it is $NINELIVES_STORE. The password is never shown.

${flagsHelp(doctorFlags)}
Exits with 0 if nothing was found; 1 after warnings; 2 if the store loses sessions or can't be
reached, or for a bad URL or flag.
`

const EXIT_WARNINGS = 1
const EXIT_LOSS = 2

const LEVELS = ['loss', 'warning', 'fine'] as const satisfies Finding['level'][]
const WORDS: Readonly<Record<Finding['level'], string>> = { loss: 'loses sessions', warning: 'warning', fine: 'fine' }
const COLOURS: Readonly<Record<Finding['level'], Colour>> = { loss: 'red', warning: 'yellow', fine: 'green' }
const WORD_WIDTH = Math.max(...Object.values(WORDS).map((word) => word.length)) + 2

/** Resolves with the exit code. */
export async function doctor(args: readonly string[], config: Config): Promise<number> {
  const operands: string[] = []
  const flags = parseFlags('doctor', doctorFlags, args, (value) => operands.push(value))
  if (flags === 'help') {
    say(doctorHelp)
    return 0
  }
  if (operands.length > 1) throw new UsageError(`doctor takes one URL, not ${operands.length}`)
  const url = storeOf(
    { store: operands[0], 'store-file': flags['store-file'], database: undefined, write: undefined },
    config,
  )
  if (url === undefined)
    throw new UsageError(
      "doctor takes a store's URL, such as redis://HOST:PORT; or set NINELIVES_STORE, or give --store-file",
    )
  const examinations = await examined(url)
  const counted = examinations.flatMap(({ findings }) => findings.filter(({ name }) => !flags.accept.includes(name)))
  const losses = counted.filter(({ level }) => level === 'loss').length
  const warnings = counted.filter(({ level }) => level === 'warning').length
  if (flags.json) process.stdout.write(`${visibleJson({ losses, warnings, stores: examinations }, 2)}\n`)
  else say(report(examinations, flags.accept, { losses, warnings }, painter(process.stdout)))
  if (losses > 0) return EXIT_LOSS
  return warnings > 0 ? EXIT_WARNINGS : 0
}

/** Without a password in any text. */
async function examined(url: string): Promise<readonly Examination[]> {
  try {
    const examinations = await examine(url)
    return examinations.map(({ url, findings }) => ({
      url: withoutPassword(url),
      findings: findings.map((finding) => ({ ...finding, line: withoutPassword(finding.line) })),
    }))
  } catch (error) {
    if (error instanceof StoreConfigError) throw new UsageError(withoutPassword(error.message))
    throw error
  }
}

function report(
  examinations: readonly Examination[],
  accepted: readonly string[],
  { losses, warnings }: { readonly losses: number; readonly warnings: number },
  paint: Paint,
): string {
  const stores = examinations.map(({ url, findings }) => {
    const ordered = LEVELS.flatMap((level) => findings.filter((finding) => finding.level === level))
    return `${paint('bold', url)}\n\n${ordered.map((finding) => findingLines(finding, accepted, paint)).join('')}\n`
  })
  const found = [
    ...(losses > 0 ? [paint('red', `${losses} of these ${losses === 1 ? 'loses' : 'lose'} sessions`)] : []),
    ...(warnings > 0 ? [paint('yellow', count(warnings, 'warning'))] : []),
  ]
  return `${stores.join('')}${found.length > 0 ? found.join(', ') : paint('green', 'nothing found')}\n`
}

function findingLines({ level, name, line, remedy }: Finding, accepted: readonly string[], paint: Paint): string {
  const isAccepted = level !== 'fine' && accepted.includes(name)
  const word = paint(isAccepted ? 'dim' : COLOURS[level], (isAccepted ? 'accepted' : WORDS[level]).padEnd(WORD_WIDTH))
  const first = `  ${word}${paint([], line)} ${paint('dim', `[${name}]`)}\n`
  return remedy === undefined ? first : `${first}  ${' '.repeat(WORD_WIDTH)}→ ${paint([], remedy)}\n`
}
