import { edgeFault } from './edge-fault.ts'
import { direction, whole } from '../../contract/fields.ts'

const LATENCY_MAX_MS = 60_000
const DRAWN_MAX_MS = 200

/** Delays all traffic by `latencyMs` and up to `jitterMs` more, in the given directions. */
export const latency = edgeFault('latency', {
  fields: {
    latencyMs: whole('milliseconds', 1, LATENCY_MAX_MS),
    jitterMs: whole('milliseconds', 0, LATENCY_MAX_MS, 0),
    direction,
  },
  drawn: (random) => ({
    latencyMs: 1 + Math.floor(random() * DRAWN_MAX_MS),
    jitterMs: Math.floor(random() * DRAWN_MAX_MS),
  }),
})
