/** The matrix as a command: `npm run bench -- --matrix`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT_INTERRUPTED } from '@ninelives/lab'
import { progress, say } from '../harness/command/command.ts'
import { MATRIX_HELP, readMatrixOptions } from './options.ts'
import { matrixPage } from './page.ts'
import { pictureSvg } from './picture.ts'
import type { Matrix } from './result.ts'
import { beginMatrix, begunMatrix, runMatrix } from './run.ts'
import { matrixTable } from './table.ts'

export async function matrix(args: readonly string[], signal: AbortSignal): Promise<void> {
  const asked = readMatrixOptions(args, new Date())
  if (asked.to === 'help') return say(MATRIX_HELP)
  const out = asked.to === 'resume' ? asked.out : asked.run.out
  const head = asked.to === 'resume' ? begunMatrix(out) : await beginMatrix(asked.run, say)
  progress(`seed ${head.options.seed}, into ${out}`)
  try {
    const result = await runMatrix(head, out, signal, progress)
    writeMatrix(result, out)
    progress('done')
    say(
      `\n${matrixTable(result)}\nThe page: ${join(out, 'matrix.html')}; the pictures beside it: matrix-light.svg, matrix-dark.svg`,
    )
  } catch (error) {
    if (!signal.aborted) throw error
    say(`\nStopped. The cells that had ended are kept: npm run bench -- --matrix --resume ${out}`)
    process.exitCode = EXIT_INTERRUPTED
  }
}

function writeMatrix(result: Matrix, out: string): void {
  writeFileSync(join(out, 'matrix.json'), `${JSON.stringify(result)}\n`)
  writeFileSync(join(out, 'matrix.html'), matrixPage(result))
  for (const scheme of ['light', 'dark'] as const)
    writeFileSync(join(out, `matrix-${scheme}.svg`), pictureSvg(result, scheme))
}
