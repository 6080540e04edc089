/** How many requests are drawn. */
import test from 'ava'
import type { Colours } from '../src/page/base/colours.ts'
import { Picture } from '../src/page/stage/picture.ts'

const yard = { x: 0, y: 0, width: 100, height: 100 }
const plan = { width: 100, height: 100, nodes: [], balancer: { x: 50, y: 50 }, isMesh: false, out: yard, away: yard }

const OK = 0
const FAILED = 1

interface Drawing {
  readonly picture: Picture
  /** How many answers are drawn at that time: those that failed as crosses, the others as discs. */
  readonly answersAt: (ms: number) => { readonly crosses: number; readonly discs: number }
}

const nothing = (): void => undefined

function drawing(): Drawing {
  const count = { crosses: 0, discs: 0 }
  const calls: Readonly<Record<string, () => void>> = { stroke: () => count.crosses++, arc: () => count.discs++ }
  const context = new Proxy({}, { get: (_target, name) => calls[String(name)] ?? nothing, set: () => true })
  const picture = new Picture({ getContext: () => context } as unknown as HTMLCanvasElement, false)
  picture.arrange(plan, 1)
  const answersAt = (ms: number) => {
    Object.assign(count, { crosses: 0, discs: 0 })
    picture.draw(ms, 16, {} as Colours)
    return { ...count }
  }
  return { picture, answersAt }
}

function operations(outcome: number, howMany: number): number[] {
  return Array.from({ length: howMany }, (_, user) => [user, -1, outcome, 0, 3]).flat()
}

test('requests that are never drawn are not kept without bound', (t) => {
  const { picture, answersAt } = drawing()
  for (let n = 0; n < 10; n++) {
    picture.send(operations(OK, 600), 0, 0)
    picture.send(operations(FAILED, 600), 0, 0)
  }
  const { crosses, discs } = answersAt(300)
  t.is(crosses + discs, 800)
})

test('where there are too many requests, those that failed are drawn first', (t) => {
  const { picture, answersAt } = drawing()
  picture.send([...operations(OK, 5_000), ...operations(FAILED, 500)], 0, 0)
  const { crosses, discs } = answersAt(300)
  t.is(crosses, 500)
  t.true(discs > 200 && discs <= 300, `${discs}`)
})
