/** The command line of the matrix. */
import { flagsHelp, parseFlags, switchFlag, textFlag, UsageError } from '@ninelives/lab'
import { countFlag, namesFlag, outDirectory, outFlag, seedFlag } from '../harness/command/flags.ts'
import { columns } from './columns.ts'
import type { MatrixOptions } from './result.ts'
import { rows } from './rows.ts'

export interface MatrixRun extends MatrixOptions {
  readonly out: string
}

const FULL_FAULTS = 10
const QUICK_FAULTS = 2
const QUICK_ROWS = ['replicated', 'redis', 'sticky', 'haproxy-plain']
const QUICK_COLUMNS = ['tabs', 'kill', 'crash-after', 'store-kill']
/** Few enough for two cores. */
const [USERS, RATE] = [40, 80]

const rowNames = rows().map(({ name }) => name)
const columnNames = columns.map(({ name }) => name)

const FLAGS = {
  matrix: switchFlag('this bench'),
  quick: switchFlag(`${QUICK_FAULTS} faults, of ${QUICK_ROWS.join(', ')} by ${QUICK_COLUMNS.join(', ')}`),
  rows: namesFlag(rowNames, 'these strategies and peers (all)'),
  columns: namesFlag(columnNames, 'these faults (all)'),
  kills: countFlag(`faults of each cell (default ${FULL_FAULTS})`, undefined),
  users: countFlag(`virtual users (default ${USERS})`, USERS),
  rate: countFlag(`operations a second of all users (default ${RATE})`, RATE),
  seed: seedFlag,
  out: outFlag,
  resume: textFlag<string | undefined>('a directory', {
    placeholder: 'DIR',
    help: 'continues the matrix that was interrupted there',
    otherwise: undefined,
  }),
}

export type MatrixAsked =
  | { readonly to: 'help' }
  | { readonly to: 'resume'; readonly out: string }
  | { readonly to: 'run'; readonly run: MatrixRun }

export function readMatrixOptions(args: readonly string[], now: Date): MatrixAsked {
  const values = parseFlags('npm run bench -- --matrix', FLAGS, args)
  if (values === 'help') return { to: 'help' }
  const { quick, seed, users, resume, rate: operationsPerSecond } = values
  if (resume !== undefined) {
    const other = args.find((arg) => arg.startsWith('--') && !/^--(matrix|resume)(=|$)/.test(arg))
    if (other !== undefined)
      throw new UsageError(`'${other}' does not go with --resume: a matrix continues with its own options`)
    return { to: 'resume', out: outDirectory(resume, now) }
  }
  const options = {
    faults: values.kills ?? (quick ? QUICK_FAULTS : FULL_FAULTS),
    rows: values.rows ?? (quick ? QUICK_ROWS : rowNames),
    columns: values.columns ?? (quick ? QUICK_COLUMNS : columnNames),
  }
  return { to: 'run', run: { ...options, users, operationsPerSecond, seed, out: outDirectory(values.out, now) } }
}

export const MATRIX_HELP = `npm run bench -- --matrix [options]

Every strategy and peer by every fault: what was lost, done twice, or not served, each cell with its counts and what its number of faults
can prove. Writes matrix.json, the picture in light and dark, and a page with the operations that prove each cell. A cell takes half a minute,
all of them an hour and a half. Losses are counts, and hold on a busy machine too.

${flagsHelp(FLAGS)}
Rows: ${rowNames.join(', ')}

Columns:
${columns.map(({ name, about }) => `  ${name.padEnd(13)} ${about}`).join('\n')}`
