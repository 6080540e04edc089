/**
 * Variants of the engine, each with one rule broken. A simulation that does not catch every one of them proves nothing about
 * the engine that it finds sound.
 */
export interface Variant {
  readonly breaks: string
  readonly patches: readonly Patch[]
  /** Only where members come and go. */
  readonly resize?: boolean
}

/** A piece of the engine's source that is replaced; it occurs once in the file. */
export interface Patch {
  /** Below src/replication. */
  readonly file: string
  readonly replace: string
  readonly by: string
}

const CHANGES = 'replica/changes.ts'
const VERBS = 'replica/verbs.ts'
const BALLOTS = 'membership/ballots.ts'
const NEIGHBOURS = 'membership/neighbours.ts'
const PEER = 'replica/mesh-peer.ts'
const LEASE = 'membership/lease.ts'
const ELECTORATE = 'membership/electorate.ts'
const CURRENT_VIEW = 'membership/current-view.ts'

const variant = (
  breaks: string,
  ...patches: readonly (readonly [file: string, replace: string, by: string])[]
): Variant => ({
  breaks,
  patches: patches.map(([file, replace, by]) => ({ file, replace, by })),
})

const resizing = (...given: Parameters<typeof variant>): Variant => ({ ...variant(...given), resize: true })

export const variants: ReadonlyMap<string, Variant> = new Map([
  [
    'ack-before-copy',
    variant('a change commits before any other replica has it', [CHANGES, 'replicas & ~driven.acked', '0']),
  ],
  [
    'majority-commit',
    variant('a change commits when one other replica has it, not all', [
      CHANGES,
      'replicas & ~driven.acked',
      'replicas & -replicas & ~driven.acked',
    ]),
  ],
  ['no-fence', variant('a destruction leaves no fence', [VERBS, 'Math.max(fencedMs, fenceUntilMs)', 'fencedMs'])],
  [
    'no-incarnation',
    variant(
      'a restarted process is taken for the former one of its name',
      [CURRENT_VIEW, 'member?.incarnation === incarnation', 'member !== undefined'],
      [CURRENT_VIEW, 'voter?.incarnation === incarnation', 'voter !== undefined'],
    ),
  ],
  [
    'amnesiac-votes',
    variant('a process votes before a view lists it', [
      CURRENT_VIEW,
      'voter?.incarnation === incarnation',
      'incarnation !== 0',
    ]),
  ],
  [
    'last-writer-wins',
    variant(
      'the later write by wall clock wins, whatever version it builds on',
      [
        CHANGES,
        'const counter = ++this.#counter',
        'const counter = Math.floor(this.#context.clock.wallMs()) % 2 ** 31',
      ],
      [VERBS, 'current.version !== expectedVersion', 'false'],
    ),
  ],
  [
    'last-arrival-wins',
    variant('a replica takes every change that arrives', [CHANGES, 'isLater(change.stamp, own.stamp)', 'true']),
  ],
  [
    'snapshot-without-stream',
    variant(
      'a joining replica gets a snapshot, and no change made meanwhile',
      [CHANGES, 'receivers & ~acked', 'receivers & currentView.full & ~acked'],
      [CHANGES, 'replicas & ~driven.acked', 'replicas & this.#parts.currentView.full & ~driven.acked'],
    ),
  ],
  [
    'full-without-snapshot',
    variant('a joining replica becomes full at once', [
      'membership/succession.ts',
      'return ready && cluster === view.cluster',
      'return cluster === view.cluster',
    ]),
  ],
  [
    'no-guard',
    variant('a new view does not wait for the leases of the former one', [
      'membership/lease.ts',
      'const { guardMs } = this.#context.timing',
      'const guardMs = 0',
    ]),
  ],
  [
    'deaf-guard',
    variant('a new view takes a lease for over when any single voter has not renewed it for long', [
      BALLOTS,
      'Math.min(ms, proposal.quietMs[other] ?? ms)',
      'Math.max(ms, proposal.quietMs[other] ?? ms)',
    ]),
  ],
  [
    'refusal-is-death',
    variant('a process whose link has ended is taken for dead, as if a port that refuses proved it', [
      NEIGHBOURS,
      'this.#ended[rank] === incarnation',
      '(this.#ended[rank] === incarnation || !this.isLinked(rank))',
    ]),
  ],
  [
    'any-namesake-died',
    variant('the proof that a process has ended is taken for one of another process of its name', [
      NEIGHBOURS,
      'this.#ended[rank] === incarnation',
      'this.#ended[rank] !== 0',
    ]),
  ],
  ['no-lease', variant('a replica reads its own memory without a lease', [VERBS, '!isLeased', 'false'])],
  [
    'dirty-read',
    variant('a change is read before it is committed', [
      VERBS,
      'if (changes.isPending(verb.key))',
      "if (changes.isPending(verb.key) && verb.verb !== 'read')",
    ]),
  ],
  [
    'no-replay',
    variant('a change whose coordinator is gone is taken for committed', [
      CHANGES,
      'return\n    this.#drive(change)',
      'return\n    this.#pendingChanges.settle(key)',
    ]),
  ],
  [
    'forgetful-vote',
    variant('a proposer ignores what a voter has accepted already', [
      BALLOTS,
      'proposal.best?.view ?? proposal.next',
      'proposal.next',
    ]),
  ],
  [
    'hasty-loser',
    variant('a caller is told that its change was outranked, though others may have committed it', [
      CHANGES,
      "driven.isShared ? 'unknown' : 'outranked'",
      "'outranked'",
    ]),
  ],
  [
    'hasty-leaver',
    variant('a process that is closed says that a change it has begun was not made', [
      VERBS,
      "refused(attempt.isBegun ? 'unknown' : 'closed')",
      "refused('closed')",
    ]),
  ],
  [
    'lapsed-lease',
    variant('a replica believes the lease that it held before a lull', [
      LEASE,
      'const sinceMs = now - timing.leaseMs',
      'const sinceMs = Number.NEGATIVE_INFINITY',
    ]),
  ],
  [
    'hasty-reader',
    variant('a replica reads its own memory while it takes the lease', [
      VERBS,
      '!isLeased',
      '!isLeased && lease.missedMs(this.#context.clock.monotonicMs()) > this.#context.timing.leaseMs',
    ]),
  ],
  [
    'restless-change',
    variant(
      'a replica becomes quiet, and does nothing more, while a change is pending',
      [PEER, 'this.#verbs.isIdle && changes.driven === 0 &&', ''],
      [PEER, 'this.#changes.tick(now)', 'if (this.#wakefulness.isAwake) this.#changes.tick(now)'],
    ),
  ],
  [
    'deserted-joiner',
    variant('a replica becomes quiet while a member joins or is to be dropped', [
      'membership/views.ts',
      'return !isOpen && this.#context.names.every(',
      'return !isOpen || this.#context.names.every(',
    ]),
  ],
  [
    'first-names',
    resizing('a majority is one of the names that founded the mesh, whatever was added', [
      ELECTORATE,
      'return view?.electorate ?? {',
      'return { adding: 0, removing: 0, ...view?.electorate, ...{ counted: founders } } ?? {',
    ]),
  ],
  [
    'learner-counts',
    resizing(
      'a process that is being added counts before it is full',
      [BALLOTS, 'count(votes & electorate.counted)', 'count(votes)'],
      [ELECTORATE, 'view.members.filter(({ rank }) => has(counted, rank))', 'view.members.filter(() => counted !== 0)'],
      [LEASE, 'count(echoed & electorate.counted)', 'count(echoed)'],
    ),
  ],
  [
    'surprise-member',
    resizing('a process counts before every other member knows that it is being added', [
      'membership/succession.ts',
      '|| isKnownToAll(context, view, neighbours)',
      '|| true',
    ]),
  ],
  [
    'unaware-leaver',
    resizing('a removal is complete before the removed process knows it', [
      'membership/succession.ts',
      '&& isRemovalKnown(context, view, neighbours, member)',
      '',
    ]),
  ],
  [
    'hasty-farewell',
    resizing('a removed member is taken for one that holds no lease, though it has promised nothing', [
      BALLOTS,
      '.removing & proposal.promises',
      '.removing',
    ]),
  ],
])
