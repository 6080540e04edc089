/**
 * What happens in a run: faults and operations, each at its instant, drawn from the seed before anything runs. To cut a failing
 * run down, some of them are left out.
 */
import { type Chance, chance } from './random.ts'

export type Fault =
  /** `sends`: it dies after so many more messages, possibly in the middle of a step. */
  | {
      readonly kind: 'crash'
      readonly atMs: number
      readonly node: number
      readonly backMs: number
      readonly sends: number
      readonly isSilent: boolean
      /** By node, how long after the death it is proven to that node; undefined where it never is. */
      readonly provenMs: readonly (number | undefined)[]
      /** It dies only if that node is full, and lives: it has all sessions then, wherever it is cut off. */
      readonly heir?: number
    }
  /** It is closed once it has begun its next change, of its own or for another node, and then ends. */
  | {
      readonly kind: 'close'
      readonly atMs: number
      readonly node: number
      readonly backMs: number
      /** As above. */
      readonly provenMs: readonly (number | undefined)[]
    }
  | { readonly kind: 'pause'; readonly atMs: number; readonly node: number; readonly forMs: number }
  | { readonly kind: 'reset'; readonly atMs: number; readonly node: number; readonly other: number }
  | {
      readonly kind: 'cut'
      readonly atMs: number
      readonly forMs: number
      readonly ways: readonly (readonly [number, number])[]
      readonly isLost: boolean
      /** The links end at once, as where a firewall refuses both ends. */
      readonly isRefused: boolean
    }
  | {
      readonly kind: 'slow'
      readonly atMs: number
      readonly forMs: number
      readonly node: number
      readonly other: number
      readonly byMs: number
    }

/** A member is added or removed. The node that is asked is the first alive from `asked` on that takes it. */
export interface Move {
  readonly atMs: number
  readonly change: 'add' | 'remove'
  readonly node: number
  readonly asked: number
}

export interface Operation {
  readonly id: number
  readonly atMs: number
  readonly client: number
  readonly node: number
  readonly key: number
  readonly verb: 'read' | 'write' | 'touch' | 'destroy'
  readonly ack: 'one' | 'quorum' | 'all'
  /** Of a write: builds on a version that is not the one last seen. */
  readonly isBlind: boolean
  readonly fenceMs: number
}

export interface Script {
  readonly seed: number
  readonly nodes: number
  /** So many of the nodes found the mesh, and the others are added later; undefined where all are members for good. */
  readonly founders: number | undefined
  readonly moves: readonly Move[]
  readonly copies: 'all' | number
  readonly keys: number
  /** When each node starts. */
  readonly startsMs: readonly number[]
  readonly faults: readonly Fault[]
  readonly operations: readonly Operation[]
  /** Faults and operations lie before this. */
  readonly busyMs: number
  /** How fast each node's clock goes, and how far its wall clock is off. */
  readonly rates: readonly number[]
  readonly skewsMs: readonly number[]
  /** Nodes die even if no other has their sessions: then only one mesh in the end is required. */
  readonly isBrutal: boolean
  /** For how long a node stays awake after it was used. */
  readonly awakeMs: number
  /** For how long a majority waits for the others before it founds a mesh without them. */
  readonly foundMs: number
}

export interface ScriptOptions {
  readonly nodes?: number | undefined
  readonly copies?: 'all' | number | undefined
  /** Members come and go. Then `nodes` and `copies` are of no effect. */
  readonly resize?: boolean | undefined
}

const FIRST_MS = 150
/** Two clocks that drift apart by the larger are as different as the protocol allows. */
const DRIFTS = [0.02, 0.02, 0.02, 0.047]
/** The most that a wall clock is off, before or behind. */
export const SKEW_MS = 20

export function script(seed: number, options: ScriptOptions = {}): Script {
  if (options.resize === true) return resizing(seed)
  const random = chance(seed)
  const nodes = options.nodes ?? random.pick([3, 3, 3, 3, 3, 3, 4, 5, 5, 2])
  const copies = options.copies ?? random.pick(['all', 'all', 'all', 1, 2, 2] as const)
  const keys = random.between(1, 3)
  const busyMs = random.between(900, 2_200)
  const isBrutal = random.hit(0.08)
  const awakeMs = random.pick([20, 60, 150, 400, 1_000])
  const bursts = random.hit(0.5) ? lulled(random, busyMs, awakeMs) : [{ fromMs: 20, toMs: busyMs }]
  const drift = random.pick(DRIFTS)
  // A chance of its own: a seed in which no node is closed keeps the script that it had.
  const closing = chance(seed ^ 0xc105e)
  const each = <T>(draw: () => T): T[] => Array.from({ length: nodes }, draw)
  return {
    seed,
    nodes,
    founders: undefined,
    moves: [],
    copies,
    keys,
    startsMs: each(() => (random.hit(0.8) ? random.between(0, 50) : random.between(0, 600))),
    faults: closing.hit(0.125)
      ? closes(closing, nodes, busyMs)
      : faults(random, { nodes, busyMs, bursts, awakeMs }).filter(({ atMs }) => atMs < busyMs),
    operations: operations(random, { nodes, keys, bursts }),
    busyMs,
    rates: each(() => 1 + (random.next() * 2 - 1) * drift),
    skewsMs: each(() => (random.next() * 2 - 1) * SKEW_MS),
    isBrutal,
    awakeMs,
    foundMs: isBrutal && random.hit(0.5) ? random.between(300, 1_000) : Infinity,
  }
}

/** One node after the other is added and removed, amid faults. */
function resizing(seed: number): Script {
  const random = chance(seed ^ 0x5e5e)
  const scene = random.hit(0.3) ? random.pick([latecomer, outcast, halves])(random) : undefined
  const founders = scene === undefined ? random.pick([3, 3, 3, 2]) : 3
  const nodes = scene?.nodes ?? founders + random.between(1, founders)
  const busyMs = random.between(1_200, 2_800)
  const base = script(seed, { nodes, copies: 'all' })
  const { moves, faults } = scene ?? moving(random, { founders, nodes, busyMs })
  const toMs = Math.max(busyMs, ...faults.map(({ atMs }) => atMs + SCENE_MS))
  const keys = { nodes, keys: base.keys, bursts: [{ fromMs: 20, toMs }] }
  return {
    ...base,
    moves,
    faults,
    founders,
    busyMs: toMs,
    operations: operations(random, keys),
    isBrutal: random.hit(0.05),
    foundMs: Infinity,
  }
}

/** From the last fault of a scene on: something comes of it. */
const SCENE_MS = 1_000

type Scene = Pick<Script, 'nodes' | 'moves' | 'faults'>

function moving(
  random: Chance,
  { founders, nodes, busyMs }: { founders: number; nodes: number; busyMs: number },
): Pick<Scene, 'moves' | 'faults'> {
  const spares = Array.from({ length: nodes - founders }, (_, index) => founders + index)
  const added = new Set<number>()
  const moves: Move[] = []
  const faults: Fault[] = []
  const isCalm = random.hit(0.15)
  for (let atMs = random.between(FIRST_MS, 400); atMs < busyMs; atMs += random.between(20, 600)) {
    const node = random.pick(spares)
    const change = added.has(node) === random.hit(0.9) ? 'remove' : 'add'
    if (change === 'add') added.add(node)
    else added.delete(node)
    moves.push({ atMs, change, node, asked: random.between(0, nodes - 1) })
    if (isCalm) continue
    for (let count = random.between(0, 2); count > 0; count--) {
      const faultMs = Math.max(FIRST_MS, atMs + random.between(-60, 250))
      faults.push(random.hit(0.3) ? split(random, nodes, faultMs) : fault(random, nodes, faultMs))
    }
  }
  return { moves, faults: faults.filter(({ atMs }) => atMs < busyMs).sort(byTime) }
}

/** The nodes fall into two groups that don't reach each other. */
function split(random: Chance, nodes: number, atMs: number): Fault {
  const all = Array.from({ length: nodes }, (_, node) => node)
  const left = new Set(all.filter(() => random.hit(0.5)))
  const forMs = random.between(200, 900)
  return { kind: 'cut', atMs, forMs, ways: between(nodes, left), isLost: random.hit(0.5), isRefused: random.hit(0.5) }
}

/** Both directions of all links between a group and the others. */
function between(nodes: number, group: ReadonlySet<number>): (readonly [number, number])[] {
  const all = Array.from({ length: nodes }, (_, node) => node)
  return all.flatMap((node) => {
    return all.filter((other) => group.has(node) !== group.has(other)).map((other) => [node, other] as const)
  })
}

/** A founder is cut off, others are added, the other founders restart, and then it is the added ones that are cut off. */
function latecomer(random: Chance): Scene {
  const nodes = 4
  const atMs = random.between(FIRST_MS + 50, 500)
  const forMs = random.between(450, 700)
  const away: Fault = { kind: 'cut', atMs, forMs, ways: around(nodes, 2), isLost: true, isRefused: random.hit(0.5) }
  return {
    nodes,
    moves: [{ atMs: atMs + random.between(-30, 30), change: 'add', node: 3, asked: 0 }],
    faults: [away, ...exchange(random, { nodes, heir: 3, restarting: [0, 1], atMs: atMs + forMs })].sort(byTime),
  }
}

/** A member is cut off while it is removed and another is added; then all others restart, but that one, which is cut off. */
function outcast(random: Chance): Scene {
  const nodes = 5
  const firstMs = random.between(FIRST_MS, 250)
  const atMs = firstMs + random.between(250, 400)
  const forMs = random.between(700, 1_000)
  const away: Fault = { kind: 'cut', atMs, forMs, ways: around(nodes, 3), isLost: true, isRefused: random.hit(0.5) }
  return {
    nodes,
    moves: [
      { atMs: firstMs, change: 'add', node: 3, asked: 0 },
      { atMs: atMs + random.between(-10, 30), change: 'remove', node: 3, asked: 1 },
      { atMs: atMs + random.between(350, 450), change: 'add', node: 4, asked: 0 },
    ],
    faults: [away, ...exchange(random, { nodes, heir: 4, restarting: [0, 1, 2], atMs: atMs + forMs })].sort(byTime),
  }
}

/** A process is being added, which takes long because a founder is cut off; then there are two halves, if that process counts. */
function halves(random: Chance): Scene {
  const nodes = 4
  const atMs = random.between(FIRST_MS + 50, 500)
  const forMs = random.between(250, 500)
  const left = new Set([random.between(0, 1), 3])
  const away: Fault = { kind: 'cut', atMs, forMs, ways: around(nodes, 2), isLost: true, isRefused: random.hit(0.5) }
  const apart: Fault = {
    kind: 'cut',
    atMs: atMs + forMs,
    forMs: 700,
    ways: between(nodes, left),
    isLost: random.hit(0.5),
    isRefused: random.hit(0.5),
  }
  const moves: Move[] = [{ atMs: atMs + random.between(-10, 20), change: 'add', node: 3, asked: 0 }]
  return { nodes, moves, faults: [away, apart] }
}

/** The heir is cut off as the others die, and stays so while they are back. */
function exchange(
  random: Chance,
  { nodes, heir, restarting, atMs }: { nodes: number; heir: number; restarting: readonly number[]; atMs: number },
): Fault[] {
  return [
    ...restarting.map((node): Fault => {
      return { ...crash(random, nodes, { atMs: atMs - 2, node, backMs: random.between(10, 60), sends: 0 }), heir }
    }),
    { kind: 'cut', atMs: atMs - 1, forMs: 900, ways: around(nodes, heir), isLost: true, isRefused: random.hit(0.5) },
  ]
}

interface Burst {
  readonly fromMs: number
  readonly toMs: number
}

/** Traffic in bursts, with lulls in which most nodes become quiet. */
function lulled(random: Chance, busyMs: number, awakeMs: number): Burst[] {
  const bursts: Burst[] = []
  for (let fromMs = random.between(20, 400); fromMs < busyMs;) {
    const toMs = Math.min(busyMs, fromMs + random.between(1, 120))
    bursts.push({ fromMs, toMs })
    fromMs = toMs + Math.round(random.between(5, 25) * 0.1 * awakeMs) + random.between(0, 250)
  }
  return bursts.length === 0 ? [{ fromMs: 20, toMs: busyMs }] : bursts
}

/** While a node is awake, as it becomes quiet, while it is quiet, or as it wakes. */
function nearBurst(random: Chance, { fromMs, toMs }: Burst, awakeMs: number): number {
  switch (random.pick(['awake', 'drowsy', 'quiet', 'waking'] as const)) {
    case 'awake':
      return random.between(fromMs, toMs)
    case 'drowsy':
      return toMs + awakeMs + random.between(-8, 8)
    case 'quiet':
      return toMs + awakeMs + random.between(5, 200)
    case 'waking':
      return fromMs + random.between(-3, 3)
  }
}

interface Rhythm {
  readonly nodes: number
  readonly busyMs: number
  readonly bursts: readonly Burst[]
  readonly awakeMs: number
}

function faults(random: Chance, { nodes, busyMs, bursts, awakeMs }: Rhythm): Fault[] {
  if (nodes > 2 && random.hit(0.25)) return dance(random, nodes, busyMs)
  if (nodes > 2 && random.hit(0.05)) return revenant(random, nodes, busyMs)
  const count = random.between(0, 7)
  const momentMs = random.between(FIRST_MS, busyMs)
  const isClose = random.hit(0.4)
  const isTimed = bursts.length > 1 && random.hit(0.7)
  const atMs = (): number => {
    if (isTimed) return Math.max(FIRST_MS, nearBurst(random, random.pick(bursts), awakeMs))
    return isClose ? momentMs + random.between(0, 250) : random.between(FIRST_MS, busyMs)
  }
  return Array.from({ length: count }, () => fault(random, nodes, atMs())).sort(byTime)
}

/** One node after the other is cut off while others restart: each majority must know what the former one decided. */
function dance(random: Chance, nodes: number, busyMs: number): Fault[] {
  const isLost = random.hit(0.5)
  const steps = random.between(2, 4)
  const found: Fault[] = []
  let atMs = random.between(FIRST_MS, Math.max(FIRST_MS, busyMs - 900))
  let away = random.between(0, nodes - 1)
  for (let step = 0; step < steps; step++) {
    const forMs = random.between(150, 700)
    found.push({ kind: 'cut', atMs, forMs, ways: around(nodes, away), isLost, isRefused: random.hit(0.3) })
    atMs += forMs
    const restarting = (away + random.between(1, nodes - 1)) % nodes
    const backMs = random.between(1, 80)
    const crashAtMs = atMs + random.between(-60, 20)
    if (random.hit(0.8)) found.push(crash(random, nodes, { atMs: crashAtMs, node: restarting, backMs, sends: 0 }))
    away = (away + random.between(1, nodes - 1)) % nodes
    atMs += random.between(-40, 40)
  }
  return found.sort(byTime)
}

/** A node dies, comes back as another process, and is refused by all others while it lives and holds a lease. */
function revenant(random: Chance, nodes: number, busyMs: number): Fault[] {
  const node = random.between(0, nodes - 1)
  const atMs = random.between(FIRST_MS, Math.max(FIRST_MS, busyMs - 700))
  const cutAtMs = atMs + random.between(250, 600)
  const forMs = random.between(150, 500)
  return [
    crash(random, nodes, { atMs, node, backMs: random.between(1, 60), sends: 0 }),
    { kind: 'cut', atMs: cutAtMs, forMs, ways: around(nodes, node), isLost: random.hit(0.5), isRefused: true },
  ]
}

/** One node after the other is closed amid changes, and comes back, as where a new program is rolled out. */
function closes(random: Chance, nodes: number, busyMs: number): Fault[] {
  const first = random.between(0, nodes - 1)
  return Array.from({ length: random.between(2, 4) }, () => random.between(FIRST_MS, busyMs))
    .sort((left, right) => left - right)
    .map((atMs, step): Fault => {
      const node = (first + step) % nodes
      const backMs = random.between(10, 400)
      const { provenMs } = crash(random, nodes, { atMs, node, backMs, sends: 0 })
      return { kind: 'close', atMs, node, backMs, provenMs }
    })
}

/** Both directions of all links of a node. */
function around(nodes: number, node: number): (readonly [number, number])[] {
  const others = Array.from({ length: nodes }, (_, rank) => rank).filter((rank) => rank !== node)
  return others.flatMap((other) => [[node, other] as const, [other, node] as const])
}

function fault(random: Chance, nodes: number, atMs: number): Fault {
  const node = random.between(0, nodes - 1)
  const other = (node + random.between(1, nodes - 1)) % nodes
  const forMs = random.hit(0.5) ? random.between(10, 250) : random.between(200, 1_200)
  switch (random.pick(['crash', 'crash', 'crash', 'pause', 'pause', 'reset', 'cut', 'cut', 'slow'] as const)) {
    case 'crash': {
      const backMs = random.hit(0.3) ? random.between(1, 60) : random.between(60, 1_000)
      const sends = random.hit(0.5) ? random.between(0, 12) : 0
      return crash(random, nodes, { atMs, node, backMs, sends })
    }
    case 'pause':
      return { kind: 'pause', atMs, node, forMs }
    case 'reset':
      return { kind: 'reset', atMs, node, other }
    case 'cut':
      return {
        kind: 'cut',
        atMs,
        forMs,
        ways: ways(random, nodes, node, other),
        isLost: random.hit(0.5),
        isRefused: random.hit(0.5),
      }
    case 'slow':
      return {
        kind: 'slow',
        atMs,
        forMs,
        node,
        other,
        byMs: random.hit(0.5) ? random.between(5, 60) : random.between(60, 280),
      }
  }
}

type Crash = Extract<Fault, { kind: 'crash' }>

function crash(random: Chance, nodes: number, at: Pick<Crash, 'atMs' | 'node' | 'backMs' | 'sends'>): Crash {
  const isProven = random.hit(0.7)
  const proven = (): number | undefined => (isProven && random.hit(0.8) ? random.between(0, 60) : undefined)
  return { kind: 'crash', ...at, isSilent: random.hit(0.2), provenMs: Array.from({ length: nodes }, proven) }
}

/** One direction of one link, both, or all links of a node: in, out or both. */
function ways(random: Chance, nodes: number, node: number, other: number): (readonly [number, number])[] {
  const others = Array.from({ length: nodes }, (_, rank) => rank).filter((rank) => rank !== node)
  const reached = random.hit(0.5) ? [other] : others
  const out = reached.map((rank) => [node, rank] as const)
  const back = reached.map((rank) => [rank, node] as const)
  return random.pick([out, back, [...out, ...back], [...out, ...back]])
}

function operations(
  random: Chance,
  { nodes, keys, bursts }: { nodes: number; keys: number; bursts: readonly Burst[] },
): Operation[] {
  const clients = random.between(1, 6)
  const everyMs = random.between(4, 30)
  const trafficMs = bursts.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
  const count = Math.ceil(trafficMs / everyMs) + bursts.length
  const atMs = (): number => {
    const { fromMs, toMs } = random.pick(bursts)
    return random.between(fromMs, toMs)
  }
  return Array.from({ length: count }, (_, id): Operation => {
    return {
      id,
      atMs: atMs(),
      client: random.between(0, clients - 1),
      node: random.between(0, nodes - 1),
      key: random.between(0, keys - 1),
      verb: random.pick([
        'read',
        'read',
        'read',
        'write',
        'write',
        'write',
        'write',
        'touch',
        random.pick(['destroy', 'write'] as const),
      ] as const),
      ack: random.pick(['one', 'one', 'one', 'one', 'quorum', 'all']),
      isBlind: random.hit(0.08),
      fenceMs: random.pick([0, 100, 300, 3_000]),
    }
  }).sort(byTime)
}

function byTime(left: { atMs: number }, right: { atMs: number }): number {
  return left.atMs - right.atMs
}
