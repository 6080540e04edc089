/** The state at one instant: the cluster's, by the reducer of the history package, and the users'. Both are folded from messages. */
import {
  type Beat,
  type ClusterState,
  type CrowdView,
  type FoundAnomaly,
  type Incident,
  initialState,
  isOwnRequest,
  noCrowd,
  OP_FIELDS,
  reduce,
  type TraceEvent,
  withIncidents,
} from '@ninelives/history'

/** What the lab sends, in order. */
export type Message =
  | { readonly type: 'state'; readonly atMs: number; readonly state: ClusterState }
  | { readonly type: 'event'; readonly atMs: number; readonly event: TraceEvent }
  | { readonly type: 'crowd'; readonly atMs: number; readonly crowd: CrowdView }
  | { readonly type: 'beat'; readonly atMs: number; readonly beat: Beat }

const ANOMALIES_MAX = 100

export class Moment {
  atMs = 0
  state: ClusterState = initialState
  nodes: readonly string[] = []
  /** By user: the index of the node that served it last, or -1. */
  served: number[] = []
  /** By user: the index of its standing. */
  standings: number[] = []
  incidents: readonly Incident[] = []
  anomalies: readonly FoundAnomaly[] = []
  found: CrowdView['found'] = {}
  met: CrowdView['met'] = {}

  copy(): Moment {
    const copy = Object.assign(new Moment(), this)
    copy.served = [...this.served]
    copy.standings = [...this.standings]
    return copy
  }

  apply(message: Message): void {
    this.atMs = Math.max(this.atMs, message.atMs)
    if (message.type === 'event') {
      if (message.event.type === 'run-started') this.#show({ ...noCrowd, nodes: message.event.nodes.map(nameOf) })
      this.state = reduce(this.state, message.event)
    } else if (message.type === 'beat') this.#beat(message.beat)
    else if (message.type === 'crowd') this.#show(message.crowd)
    else this.state = message.state
  }

  #show({ atMs: _atMs, served, standings, ...view }: CrowdView): void {
    Object.assign(this, view, { served: [...served], standings: [...standings] })
  }

  #beat({ ops, standings, incidents, anomalies, found, met }: Beat): void {
    for (let at = 0; at < ops.length; at += OP_FIELDS) {
      const node = ops[at + 1] ?? -1
      const user = ops[at] ?? 0
      this.#meet(user)
      if (node >= 0 && isOwnRequest(ops[at + 2] ?? 0)) this.served[user] = node
    }
    for (let at = 0; at < standings.length; at += 2) {
      const user = standings[at] ?? 0
      this.#meet(user)
      this.standings[user] = standings[at + 1] ?? 0
    }
    this.incidents = withIncidents(this.incidents, incidents)
    if (anomalies.length > 0) this.anomalies = [...this.anomalies, ...anomalies].slice(-ANOMALIES_MAX)
    if (found !== undefined) this.found = found
    if (met !== undefined) this.met = met
  }

  #meet(user: number): void {
    while (this.served.length <= user) {
      this.served.push(-1)
      this.standings.push(0)
    }
  }
}

function nameOf({ name }: { readonly name: string }): string {
  return name
}
