/**
 * Keeps a matrix as the published one: `node bench/matrix/publish.ts DIR` copies it to bench/results, with its pictures and its page, and puts
 * the picture into the README. One with fewer cells replaces these cells of the one that is kept. Without DIR the pictures, the page and the README are
 * made again from what is kept.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@ninelives/lab'
import { benchMain, say } from '../harness/command/command.ts'
import { withBlock } from '../harness/marked-block.ts'
import { matrixPage } from './page.ts'
import { pictureSvg, type Scheme } from './picture.ts'
import { boundOfFaults, type Matrix, withCellsOf } from './result.ts'

export const KEPT = fileURLToPath(new URL('../results/matrix.json', import.meta.url))
const README = fileURLToPath(new URL('../../README.md', import.meta.url))
export const PAGE = fileURLToPath(new URL('../results/matrix.html', import.meta.url))
export const SCHEMES: readonly Scheme[] = ['light', 'dark']

/** Undefined before the first one was published. */
export function keptMatrix(): Matrix | undefined {
  return existsSync(KEPT) ? (JSON.parse(readFileSync(KEPT, 'utf8')) as Matrix) : undefined
}

export function pictureFile(scheme: Scheme): string {
  return fileURLToPath(new URL(`../results/matrix-${scheme}.svg`, import.meta.url))
}

/** The text with the picture between its markers, and nothing else changed. */
export function withMatrix(readme: string, matrix: Matrix | undefined): string {
  return withBlock(readme, 'matrix', matrix === undefined ? '' : block(matrix))
}

function block({ options, startedAt, environment }: Matrix): string {
  const atMost = `${Math.round(100 * boundOfFaults(options.faults))} %`
  return `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="./bench/results/matrix-dark.svg">
  <img alt="Each strategy and peer by each fault: what was lost, done twice or not served" src="./bench/results/matrix-light.svg">
</picture>

Up to ${options.faults} faults a cell, seen from the users' side. “≤ ${atMost}” means: ${options.faults} faults lost nothing, so at 95 % confidence at most ${atMost} of such faults lose something. ${environment.processor},
Node ${environment.node.slice(1)}, ${startedAt.slice(0, 10)}. [Its page](bench/results/matrix.html) has the operations that prove each cell, for a browser without a network.
\`npm run bench -- --matrix\` makes both again.`
}

function toKeep(made: Matrix, kept: Matrix | undefined): Matrix {
  if (kept === undefined || made.cells.length >= kept.cells.length) return made
  const merged = withCellsOf(kept, made)
  if (merged !== undefined) return merged
  throw new UsageError('its cells are not some of the kept matrix, measured with the same faults, users and rate')
}

function main([directory]: readonly string[]): Promise<void> {
  if (directory !== undefined) {
    const path = join(directory, 'matrix.json')
    if (!existsSync(path)) throw new UsageError(`there is no finished matrix in ${directory}: it has no matrix.json`)
    writeFileSync(KEPT, `${JSON.stringify(toKeep(JSON.parse(readFileSync(path, 'utf8')) as Matrix, keptMatrix()))}\n`)
  }
  const matrix = keptMatrix()
  if (matrix === undefined) throw new UsageError('no matrix is kept yet: node bench/matrix/publish.ts DIR')
  for (const scheme of SCHEMES) writeFileSync(pictureFile(scheme), pictureSvg(matrix, scheme))
  writeFileSync(PAGE, matrixPage(matrix))
  writeFileSync(README, withMatrix(readFileSync(README, 'utf8'), matrix))
  say('bench/results and README.md have the matrix')
  return Promise.resolve()
}

if (import.meta.main) benchMain(async (args) => await main(args))
