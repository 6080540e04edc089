/**
 * The lab's events as messages. After a lost connection the browser connects again by itself, and the lab then sends what was missed.
 * After a refusal the browser gives up: then this asks anew.
 */
import type { Beat, ClusterState, CrowdView, TraceEvent, TraceProblem } from '@ninelives/history'
import type { Message } from './moment.ts'

export interface Listener {
  /** The run begins anew, or the page was away for too long. */
  readonly begin: () => void
  readonly take: (message: Message) => void
  readonly connected: (isConnected: boolean) => void
  /** There are no events to be had now. Resolves with whether to ask again. */
  readonly refused: () => Promise<boolean>
  /** What follows is a recording, as fast as it can be read. */
  readonly recording: () => void
  /** It is all here. `problem`: where it could not be read on. */
  readonly recorded: (problem: TraceProblem | null) => void
}

const ASK_AGAIN_MS = 2_000

export function listenLive(api: string, listener: Listener): void {
  const { begin, take, connected, refused, recording, recorded } = listener
  const events = new EventSource(`${api}/events?users=on`)
  const on = (type: string, messageOf: (data: unknown) => Message): void =>
    events.addEventListener(type, ({ data }: MessageEvent<string>) => {
      const message = messageOf(JSON.parse(data))
      if (message.type === 'state' || (message.type === 'event' && message.event.type === 'run-started')) begin()
      take(message)
    })
  on('state', (data) => ({ type: 'state', atMs: (data as ClusterState).atMs, state: data as ClusterState }))
  on('message', (data) => ({ type: 'event', atMs: (data as TraceEvent).atMs, event: data as TraceEvent }))
  on('crowd', (data) => ({ type: 'crowd', atMs: (data as CrowdView).atMs, crowd: data as CrowdView }))
  on('beat', (data) => ({ type: 'beat', atMs: (data as Beat).atMs, beat: data as Beat }))
  events.addEventListener('recording', () => recording())
  events.addEventListener('recorded', ({ data }: MessageEvent<string>) => {
    // Otherwise the browser would connect again, and get it once more.
    events.close()
    recorded((JSON.parse(data) as { problem: TraceProblem | null }).problem)
  })
  events.addEventListener('open', () => connected(true))
  events.addEventListener('error', () => {
    connected(false)
    if (events.readyState !== EventSource.CLOSED) return
    void refused().then((isToAsk) => isToAsk && setTimeout(listenLive, ASK_AGAIN_MS, api, listener))
  })
}
