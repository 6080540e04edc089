import type { ServerName } from '@ninelives/history'

/** A kind of store server that the lab can start for itself. A new one is a file in this folder and an entry in `index.ts`. */
export interface ServerKind {
  readonly name: ServerName
  /** As in "a Redis". */
  readonly title: string
  /** How to get its program; completes "needs a Redis: ". */
  readonly install: string
  /** The environment variable with the URL of the user's own. */
  readonly variable: string
  /** The path of its program on this machine. */
  find(searchPath: string): string | undefined
  /** For the nodes. */
  url(port: number, durability?: string): string
  /** One command, which also makes what the server needs on disk. */
  command(order: ServerOrder): readonly string[]
  /** Whether the server on that port carries out commands. */
  answers(port: number): Promise<boolean>
  readonly replication: Replication | Unable
  readonly amnesia: Amnesia | Unable
  readonly eviction: Eviction | Unable
  readonly fullDisk: FullDisk | Unable
  /** Whether a loss of power can be played. */
  readonly power: true | Unable
  /** What `--durability` takes, its default first. */
  readonly durabilities: readonly string[]
}

/** What a kind of server can't have, with the reason for an error. */
export interface Unable {
  readonly because: string
}

/** All by port. False also where nothing answers. */
export interface Replication {
  /** From here on the primary acknowledges no change that its replica has not on its disk. Undefined if it never waits for a replica. */
  waitForReplica?(port: number): Promise<boolean>
  isPrimary(port: number): Promise<boolean>
  /** Whether the replica on that port is connected and has what its primary has. */
  isInSync(port: number): Promise<boolean>
  promote(port: number): Promise<boolean>
  /** A new primary may have the old one's settings, and has no replica to wait for. Idempotent. Defined with `waitForReplica`. */
  waitForNone?(port: number): Promise<boolean>
}

/** The server loses its contents and runs on. It is seen by a mark: users soon log in again, so the sessions would not show it. */
export interface Amnesia {
  /** Writes the mark and loses everything. */
  forget(port: number, mark: string): Promise<boolean>
  isForgotten(port: number, mark: string): Promise<boolean>
}

/** The server's memory is full for a moment, and it deletes some keys. */
export interface Eviction {
  evict(port: number): Promise<boolean>
  /** How many keys it has evicted since its start. */
  evicted(port: number): Promise<number>
}

/** The server is refused what it writes to some of its files, and neither waits for room nor ends. */
export interface FullDisk {
  /** The beginning of their paths, in the server's directory. The logs of databases have a disk of their own, as they should. */
  readonly files: string
  /** Takes the room inside these files, where the server would not need more for a while. */
  fill?(port: number): Promise<void>
  /** Undoes that once there is room again, and resolves to whether the server takes changes. */
  recover(port: number): Promise<boolean>
}

export interface ServerOrder {
  readonly program: string
  readonly port: number
  /** Its own, and there. */
  readonly directory: string
  /** The port of its primary, if it is a replica. A replica begins anew at each start. */
  readonly follows?: number | undefined
  /** One of its kind's. */
  readonly durability?: string | undefined
}

/** A kind whose program this machine has. */
export interface PrivateServer {
  readonly kind: ServerKind
  readonly program: string
  readonly durability?: string
}
