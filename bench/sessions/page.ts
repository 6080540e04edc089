/** The table of docs/stores/README.md: what a request costs a node, by store, from the kept result. */
import { withBlock } from '../harness/marked-block.ts'
import { interval } from '../harness/command/table.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import type { SessionsResult, SubjectResult } from './result.ts'
import { aimText } from './table.ts'

const HEADS = ['', 'a read: CPU, µs', 'p50, µs', 'a write: CPU, µs', 'p50, µs']

export function withSessions(page: string, result: SessionsResult): string {
  return withBlock(page, 'sessions', sessionsMarkdown(result))
}

function sessionsMarkdown({ subjects, aims, environment, options, startedAt, seed }: SessionsResult): string {
  const { processor, cores, node, redis = '', commit, busy } = environment
  const where = `${String(options['blocks'])} blocks of ${String(options['requests'])} requests each, ${cores} × ${processor}, Node ${node.slice(1)}, Redis ${redis}, ${startedAt.slice(0, 10)}, seed ${seed}, commit ${commit.slice(0, 10)}. In brackets 95 % intervals.`
  const caption = `CPU time of the process that serves the request, and latency of ${String(options['users'])} users at once, each of whom sends a request when the one before is answered. ${where}${busy ? ' The machine was busy: not to be quoted.' : ''}`
  const goals = aims.map((aim) => {
    const { stores, figure, ratio, is } = aimText(aim, subjects)
    return `- ${stores}, ${figure} of a ${aim.kind}: ${ratio}; ${is}`
  })
  return [markdownTable([HEADS, ...subjects.map(row)]), '', caption, ...(goals.length > 0 ? ['', ...goals] : [])].join(
    '\n',
  )
}

function row({ title, read, write }: SubjectResult): string[] {
  const cells = [read, write].flatMap(({ cpuMicrosPerRequest, p50Micros }) => [
    interval(cpuMicrosPerRequest, 0),
    p50Micros.median.toFixed(0),
  ])
  return [title, ...cells]
}
