/**
 * Makes the pages of docs/reference that are made from the source, and llms.txt: `npm run docs:reference`. With --check it writes nothing,
 * and ends with 1 if a page is another one.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generated } from './pages.ts'
import { ROOT } from './source.ts'

const isCheck = process.argv.includes('--check')
let stale = 0
for (const [path, text] of await generated()) {
  const target = join(ROOT, path)
  if (text === read(target)) continue
  stale += 1
  process.stdout.write(`${path} ${isCheck ? 'is out of date' : 'is made again'}\n`)
  if (!isCheck) writeFileSync(target, text)
}
if (isCheck && stale > 0) process.exitCode = 1

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
