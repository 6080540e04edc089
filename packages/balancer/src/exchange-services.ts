/** What an exchange works with, and what is particular to one. */
import type { Logger } from 'pino'
import type { AttemptTimeouts } from './attempt.ts'
import type { Exchange } from './exchange.ts'
import type { ClientOrigin } from './header-rewriting.ts'
import type { ItineraryServices } from './itinerary.ts'
import type { PassedRequestConfig } from './passed-request.ts'
import type { RoomQueue } from './queue.ts'
import type { RecordServices } from './request-record.ts'
import type { Transport } from './transport.ts'
import type { TunnelEnd } from './tunnels.ts'
import type { Upstream } from './upstream.ts'
import type { WaitingRoom } from './waiting-room.ts'

export interface ExchangeServices extends RecordServices, ItineraryServices {
  readonly config: ItineraryServices['config'] &
    AttemptTimeouts &
    PassedRequestConfig & { readonly serverTiming: boolean }
  readonly transport: Transport
  readonly queue: RoomQueue
  readonly room: WaitingRoom
  readonly log: Logger
  /** Whether each answer is to be its connection's last. */
  readonly draining: () => boolean
}

export interface ExchangeOptions {
  readonly client: ClientOrigin
  /** Names and values by turns: what every answer on this connection says. */
  readonly answerFields?: readonly string[]
  /** The client sends its body only after 100 Continue. */
  readonly awaitsContinue?: boolean
  /** Makes one of the client's connection and the upstream's, once the client was told. Absent: this is no upgrade. */
  readonly join?: (upstream: Upstream, end: TunnelEnd) => void
  readonly over: (exchange: Exchange) => void
}
