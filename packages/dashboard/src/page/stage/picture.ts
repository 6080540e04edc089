/** Draws the stage on a canvas: the ways between the parts, every user as a dot, and every request as a particle. */
import type { Colours } from '../base/colours.ts'
import { OP_FIELDS, OUTCOMES, STANDINGS, type ToldLife } from '@ninelives/history'
import { clearRadius, placeAt, Places, radiusFor, type Yard } from './places.ts'

/** Where the parts are, in the canvas' own pixels. */
export interface Plan {
  readonly width: number
  readonly height: number
  readonly nodes: readonly NodePlan[]
  /** Where requests come from and answers go to. */
  readonly balancer: Point
  /** Absent if the nodes share no store. */
  readonly store?: Point
  readonly isMesh: boolean
  readonly out: Yard
  readonly away: Yard
}

export interface NodePlan {
  readonly yard: Yard
  readonly top: Point
  readonly bottom: Point
  readonly life: ToldLife
}

export interface Point {
  readonly x: number
  readonly y: number
}

interface Particle {
  readonly node: number
  readonly outcome: number
  readonly atMs: number
  readonly sway: number
}

const IS_OUT = STANDINGS.indexOf('out')
const IS_IN = STANDINGS.indexOf('in')
const OK = OUTCOMES.indexOf('ok')
const FAILED = OUTCOMES.indexOf('failed')
const UNKNOWN = OUTCOMES.indexOf('unknown')
const PARTICLES_MAX = 800
/** A request goes down, and its answer comes back. */
const DOWN_MS = 260
const BACK_MS = 420
/** A request that no node answered rises this far above the balancer. */
const RISE = 34
/** The share of the way that a dot moves in a frame of 60 a second. */
const EASE = 0.16
const STILL = 0.3

export class Picture {
  readonly #context: CanvasRenderingContext2D
  readonly #places = new Places()
  /** By user: x and y, now and where it belongs. */
  #now = new Float32Array(0)
  #goal = new Float32Array(0)
  #standings: readonly number[] = []
  #particles: Particle[] = []
  #plan: Plan | undefined
  #users = 0
  /** By yard: trays are smaller than nodes. */
  #radii: readonly number[] = []
  #isMoving = true
  readonly #still: boolean

  /** `still`: nothing moves by itself. */
  constructor(canvas: HTMLCanvasElement, still: boolean) {
    const context = canvas.getContext('2d')
    if (context === null) throw new Error('the browser draws no canvas')
    this.#context = context
    this.#still = still
  }

  arrange(plan: Plan, users: number): void {
    this.#plan = plan
    this.#users = Math.max(users, 1)
    const yards = [plan.out, plan.away, ...plan.nodes.map(({ yard }) => yard)]
    this.#radii = yards.map((yard) => radiusFor(yard, this.#users))
    for (let user = 0; user < this.#places.yardOf.length; user++) this.#aim(user)
    this.#isMoving = true
  }

  /** Shows these users; `jump`: at once, as the time shown is another. */
  show(served: readonly number[], standings: readonly number[], jump: boolean): void {
    if (jump) {
      this.#places.clear()
      this.#particles = []
    }
    this.#grow(served.length)
    this.#standings = standings
    for (let user = 0; user < served.length; user++) {
      if (!this.#places.put(user, yardFor(served[user] ?? -1, standings[user] ?? 0))) continue
      this.#aim(user)
      this.#isMoving = true
    }
    if (jump || this.#still) this.#now.set(this.#goal)
  }

  /** The operations of a beat, each at its own time. */
  send(ops: readonly number[], nowMs: number, spanMs: number): void {
    if (this.#still) return
    const count = ops.length / OP_FIELDS
    let failed = 0
    for (let at = 0; at < ops.length; at += OP_FIELDS) if (outcomeAt(ops, at) !== OK) failed++
    let room = PARTICLES_MAX - this.#particles.length
    // Where there are too many, every failure is shown and some of the others, as far as there is room.
    const roomForOk = room - failed
    const step = Math.ceil((count - failed) / roomForOk)
    for (let at = 0, ok = 0; at < ops.length && room > 0; at += OP_FIELDS) {
      const outcome = outcomeAt(ops, at)
      if (outcome === OK && (roomForOk <= 0 || ok++ % step !== 0)) continue
      room--
      const beforeMs = Math.min(spanMs, ops[at + 3] ?? 0)
      this.#particles.push({
        node: ops[at + 1] ?? -1,
        outcome,
        atMs: nowMs + spanMs - beforeMs,
        sway: ((ops[at] ?? 0) % 21) / 10 - 1,
      })
    }
    this.#isMoving = true
  }

  draw(nowMs: number, elapsedMs: number, colours: Colours): void {
    const plan = this.#plan
    if (plan === undefined || (!this.#isMoving && this.#particles.length === 0)) return
    const context = this.#context
    context.clearRect(0, 0, plan.width, plan.height)
    this.#ways(plan, colours)
    this.#move(elapsedMs)
    this.#dots(plan, colours)
    this.#fly(plan, nowMs, colours)
  }

  redraw(): void {
    this.#isMoving = true
  }

  #grow(users: number): void {
    if (this.#now.length >= users * 2) return
    const more = (old: Float32Array): Float32Array<ArrayBuffer> => {
      const grown = new Float32Array(Math.max(users * 2, old.length * 2, 256))
      grown.set(old)
      return grown
    }
    this.#now = more(this.#now)
    this.#goal = more(this.#goal)
  }

  #aim(user: number): void {
    const index = this.#places.yardOf[user] ?? -1
    const yard = this.#yard(index)
    if (yard === undefined) return
    placeAt(yard, this.#places.placeOf(user), this.#users, this.#radii[index] ?? 1, this.#goal, user * 2)
    // A user who comes into the picture is there at once.
    if (this.#now[user * 2] === 0) this.#now.set(this.#goal.subarray(user * 2, user * 2 + 2), user * 2)
  }

  #yard(index: number): Yard | undefined {
    if (index === YARD_OUT) return this.#plan?.out
    if (index === YARD_AWAY) return this.#plan?.away
    return this.#plan?.nodes[index - NODES_FROM]?.yard
  }

  #move(elapsedMs: number): void {
    const share = 1 - (1 - EASE) ** (elapsedMs / (1_000 / 60))
    const count = this.#places.yardOf.length * 2
    let isMoving = false
    for (let at = 0; at < count; at++) {
      const way = (this.#goal[at] ?? 0) - (this.#now[at] ?? 0)
      if (Math.abs(way) < STILL) {
        this.#now[at] = this.#goal[at] ?? 0
        continue
      }
      this.#now[at] = (this.#now[at] ?? 0) + way * share
      isMoving = true
    }
    this.#isMoving = isMoving
  }

  #ways({ nodes, balancer, store, isMesh }: Plan, { edge }: Colours): void {
    const context = this.#context
    context.lineWidth = 1.5
    context.strokeStyle = edge
    for (const { top, bottom, life } of nodes) {
      context.setLineDash(dashOf(life))
      context.beginPath()
      curve(context, balancer, top)
      if (store !== undefined) curve(context, bottom, store)
      context.stroke()
    }
    if (!isMesh) return
    for (const [index, { bottom, life }] of nodes.entries()) {
      for (const other of nodes.slice(index + 1)) {
        const lives = [life, other.life]
        context.setLineDash(dashOf(lives.find((each) => each === 'down') ?? lives.find((each) => each === 'stopped')))
        context.beginPath()
        const sag = 14 + Math.abs(other.bottom.x - bottom.x) * 0.05 + Math.abs(other.bottom.y - bottom.y) * 0.1
        context.moveTo(bottom.x, bottom.y)
        context.bezierCurveTo(
          bottom.x,
          bottom.y + sag,
          other.bottom.x,
          other.bottom.y + sag,
          other.bottom.x,
          other.bottom.y,
        )
        context.stroke()
      }
    }
    context.setLineDash([])
  }

  #dots({ nodes, away: tray }: Plan, colours: Colours): void {
    const yards = this.#places.yardOf
    const out: number[] = []
    const ghosts: number[] = []
    const away: number[] = []
    const context = this.#context
    const radius = this.#radii[NODES_FROM] ?? 1
    context.setLineDash([])
    context.fillStyle = colours.ok
    const disc = radius > 1.6
    if (disc) context.beginPath()
    for (let user = 0; user < yards.length; user++) {
      const yard = yards[user] ?? YARD_AWAY
      if (this.#standings[user] === IS_OUT) out.push(user)
      else if (yard === YARD_AWAY) away.push(user)
      else if (unanswering.has(nodes[yard - NODES_FROM]?.life)) ghosts.push(user)
      else if (disc) this.#disc(user, radius)
      else this.#square(user, radius)
    }
    if (disc) context.fill()
    const inTray = (this.#radii[YARD_OUT] ?? 1) * 1.1
    // They are counted beside it, so each must be seen.
    const awayRadius = clearRadius(tray, this.#users, this.#radii[YARD_AWAY] ?? 1) * 0.9
    this.#each(away, colours.soft, (user) => this.#disc(user, awayRadius), true)
    this.#each(ghosts, colours.ok, (user) => this.#disc(user, radius - 0.6), false, 1.2)
    this.#each(out, colours.out, (user) => this.#ring(user, inTray), false, Math.max(0.8, inTray * 0.3))
  }

  #each(users: readonly number[], colour: string, shape: (user: number) => void, fills: boolean, width = 1): void {
    if (users.length === 0) return
    const context = this.#context
    context.fillStyle = colour
    context.strokeStyle = colour
    context.lineWidth = width
    context.beginPath()
    for (const user of users) shape(user)
    if (fills) context.fill()
    else context.stroke()
  }

  #disc(user: number, radius: number): void {
    const x = this.#now[user * 2] ?? 0
    const y = this.#now[user * 2 + 1] ?? 0
    const r = Math.max(0.5, radius)
    this.#context.moveTo(x + r, y)
    this.#context.arc(x, y, r, 0, 2 * Math.PI)
  }

  #square(user: number, radius: number): void {
    const x = this.#now[user * 2] ?? 0
    const y = this.#now[user * 2 + 1] ?? 0
    this.#context.fillRect(x - radius, y - radius, radius * 2, radius * 2)
  }

  /** A ring with a stroke through it. */
  #ring(user: number, radius: number): void {
    const x = this.#now[user * 2] ?? 0
    const y = this.#now[user * 2 + 1] ?? 0
    const r = Math.max(0.8, radius * 0.85)
    this.#context.moveTo(x + r, y)
    this.#context.arc(x, y, r, 0, 2 * Math.PI)
    this.#context.moveTo(x - r * 0.7, y + r * 0.7)
    this.#context.lineTo(x + r * 0.7, y - r * 0.7)
  }

  #fly({ nodes, balancer }: Plan, nowMs: number, colours: Colours): void {
    const context = this.#context
    const left: Particle[] = []
    for (const particle of this.#particles) {
      const age = nowMs - particle.atMs
      if (age > DOWN_MS + BACK_MS) continue
      left.push(particle)
      if (age < 0) continue
      const node = nodes[particle.node]
      const isBack = age > DOWN_MS
      const share = isBack ? 1 - (age - DOWN_MS) / BACK_MS : age / DOWN_MS
      const to = node?.top ?? { x: balancer.x, y: balancer.y - RISE }
      if (node === undefined && !isBack) continue
      const at = node === undefined ? between(balancer, to, 1 - share) : between(balancer, to, share)
      const x = at.x + particle.sway * 4
      context.globalAlpha = isBack && particle.outcome === OK ? 0.25 + 0.75 * share : 1
      if (isBack) shapeOf(context, particle.outcome, x, at.y, colours)
      else {
        context.fillStyle = colours.soft
        context.fillRect(x - 1.2, at.y - 1.2, 2.4, 2.4)
      }
    }
    context.globalAlpha = 1
    this.#particles = left
  }
}

function outcomeAt(ops: readonly number[], at: number): number {
  return (ops[at + 2] ?? 0) % OUTCOMES.length
}

/** The way to a dead node is dotted, that to one that was asked to leave is dashed. */
function dashOf(life: ToldLife | undefined): number[] {
  if (life === 'down') return [2, 6]
  return life === 'stopped' ? [10, 6] : []
}

/** The users who were there last wait for another node. */
const unanswering: ReadonlySet<ToldLife | undefined> = new Set(['down', 'stopped', 'paused'])

const YARD_OUT = 0
const YARD_AWAY = 1
const NODES_FROM = 2

function yardFor(served: number, standing: number): number {
  if (standing === IS_OUT) return YARD_OUT
  return standing === IS_IN && served >= 0 ? NODES_FROM + served : YARD_AWAY
}

function curve(context: CanvasRenderingContext2D, from: Point, to: Point): void {
  const middle = (from.y + to.y) / 2
  context.moveTo(from.x, from.y)
  context.bezierCurveTo(from.x, middle, to.x, middle, to.x, to.y)
}

/** A point of that curve. */
function between(from: Point, to: Point, t: number): Point {
  const middle = (from.y + to.y) / 2
  const u = 1 - t
  const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t]
  return { x: a * from.x + b * from.x + c * to.x + d * to.x, y: a * from.y + b * middle + c * middle + d * to.y }
}

/** Answered: a disc. Failed: a cross. Perhaps applied: a triangle. Logged out: a ring. */
function shapeOf(context: CanvasRenderingContext2D, outcome: number, x: number, y: number, colours: Colours): void {
  context.beginPath()
  if (outcome === OK) {
    context.fillStyle = colours.ok
    context.arc(x, y, 2.6, 0, 2 * Math.PI)
    context.fill()
  } else if (outcome === FAILED) {
    context.strokeStyle = colours.failed
    context.lineWidth = 2.4
    context.moveTo(x - 4, y - 4)
    context.lineTo(x + 4, y + 4)
    context.moveTo(x + 4, y - 4)
    context.lineTo(x - 4, y + 4)
    context.stroke()
  } else if (outcome === UNKNOWN) {
    context.fillStyle = colours.unknown
    context.moveTo(x, y - 5)
    context.lineTo(x + 5, y + 4)
    context.lineTo(x - 5, y + 4)
    context.fill()
  } else {
    context.strokeStyle = colours.out
    context.lineWidth = 2.2
    context.arc(x, y, 4, 0, 2 * Math.PI)
    context.stroke()
  }
}
