/**
 * The processes between the lab and the user's shell: npm, the shell in which npm runs a script, the launcher. They forward
 * signals, but not when one of them is killed, so the lab must notice that by itself. Which ones there are depends on the
 * system, so they are looked up from the parent upwards until npm.
 */
import { describe } from '../../supervise/process-table.ts'

const LEVELS_MAX = 5
const PACKAGE_RUNNER = /(^|[\s/])(npm|npx|pnpm|yarn|bun)(-cli)?(\.c?js)?(\s|$)/

/** Their pids, the parent first; only the parent if there is no npm above it. */
export function launcherPids(): number[] {
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
