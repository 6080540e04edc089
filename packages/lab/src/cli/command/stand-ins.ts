/**
 * The processes that stand between the lab and whoever started it: npm, the shell that npm runs a script in, the
 * launcher. They pass on what they can, but one that is killed can't, and then the lab has to notice by itself. They
 * differ with the system and its shell, so they are looked up: from the parent upwards until npm.
 */
import { describe } from '../../supervise/process-table.ts'

const LEVELS_MAX = 5
const PACKAGE_RUNNER = /(^|[\s/])(npm|npx|pnpm|yarn|bun)(-cli)?(\.c?js)?(\s|$)/

/** Their pids, the parent first. Only the parent where there is no npm above it. */
export function standIns(): number[] {
  const pids: number[] = []
  for (let pid = process.ppid; pids.length < LEVELS_MAX && pid > 1;) {
    pids.push(pid)
    const found = describe(pid)
    if (found === undefined) break
    if (PACKAGE_RUNNER.test(found.command)) return pids
    pid = found.parent
  }
  return [process.ppid]
}
