import type { EventBody, ProbeResult } from '@ninelives/history'
import { withoutPassword } from '../config.ts'

/** pino's level of a warning. */
const WARN_LEVEL = 40
const DETAIL_LENGTH_MAX = 2_000
const LINE_LENGTH_MAX = 300
/** Fields that every log line has, or that repeat the label. */
const LOG_FIELDS = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'event', 'node'])

/** The event in a process' log line, if the line is JSON with a field `event`. */
export function loggedEvent(label: string, line: string): EventBody | undefined {
  if (!line.startsWith('{') || !line.includes('"event":')) return undefined
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(line, (_field, value: unknown) =>
      typeof value === 'string' ? withoutPassword(value) : value,
    ) as Record<string, unknown>
  } catch {
    // Not JSON: an ordinary log line.
    return undefined
  }
  const { event } = fields
  if (typeof event !== 'string') return undefined
  const node = /^node-(.+)$/.exec(label)?.[1]
  if (node !== undefined && event === 'draining') return { type: 'node-draining', node }
  return (label === 'balancer' ? upstreamEvent(event, fields) : undefined) ?? noted(label, event, fields)
}

function upstreamEvent(event: string, fields: Record<string, unknown>): EventBody | undefined {
  const { upstream, reason, downForMs, retries, reroutes, result, tookMs, everyMs } = fields
  if (typeof upstream !== 'string') return undefined
  switch (event) {
    case 'upstream-ejected':
      return { type: event, upstream, reason: typeof reason === 'string' ? reason : 'no reason given' }
    case 'upstream-readmitted':
      return { type: event, upstream, ...(typeof downForMs === 'number' ? { downForMs } : {}) }
    case 'upstream-draining':
      return { type: event, upstream }
    case 'probe-result':
      return {
        type: event,
        upstream,
        result: result as ProbeResult['result'],
        ...(typeof reason === 'string' ? { reason } : {}),
        tookMs: Number(tookMs),
        everyMs: Number(everyMs),
      }
    case 'requests-resent':
      return { type: event, upstream, retries: Number(retries), reroutes: Number(reroutes) }
    default:
      return undefined
  }
}

function noted(process: string, event: string, fields: Record<string, unknown>): EventBody {
  const { msg } = fields
  const detail = Object.fromEntries(Object.entries(fields).filter(([field]) => !LOG_FIELDS.has(field)))
  return {
    type: 'process-noted',
    process,
    event,
    warns: Number(fields['level']) >= WARN_LEVEL,
    ...(typeof msg === 'string' && msg !== '' && { line: msg.slice(0, LINE_LENGTH_MAX) }),
    detail: JSON.stringify(detail).length > DETAIL_LENGTH_MAX ? {} : detail,
  }
}
