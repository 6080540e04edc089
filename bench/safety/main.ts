/** Writes docs/explanation/safety.md and its Korean page from the published results: `npm run bench:safety`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@ninelives/lab'
import { benchMain, say } from '../harness/command/command.ts'
import { keptMatrix } from '../matrix/publish.ts'
import type { Proofs } from '../proofs/proofs.ts'
import { KOREAN } from './korean.ts'
import { type BrokenResult, type Published, safetyPage } from './page.ts'
import { ENGLISH, type Words } from './words.ts'

/** Each page by its file. */
export const PAGES: ReadonlyMap<string, Words> = new Map(
  [['docs/explanation/safety.md', ENGLISH] as const, ['docs/ko/explanation/safety.md', KOREAN] as const].map(
    ([path, words]) => [fileURLToPath(new URL(`../../${path}`, import.meta.url)), words],
  ),
)

/** Undefined before it was measured. */
function kept(name: string): unknown {
  const file = fileURLToPath(new URL(`../results/${name}`, import.meta.url))
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** Throws UsageError if there are no results yet. */
export function published(): Published {
  const [matrix, proofs] = [keptMatrix(), kept('strategies.json') as Proofs | undefined]
  if (matrix === undefined || proofs === undefined)
    throw new UsageError(
      'bench/results has no matrix.json or no strategies.json: npm run bench -- --matrix, npm run bench:proofs',
    )
  return { matrix, proofs, broken: kept('broken.json') as BrokenResult | undefined }
}

function main(): Promise<void> {
  for (const [file, words] of PAGES) {
    writeFileSync(file, safetyPage(published(), words))
    say(`${file} is up to date`)
  }
  return Promise.resolve()
}

if (import.meta.main) benchMain(main)
