/** Where the dots of users are drawn. */
import test from 'ava'
import { clearRadius, placeAt, radiusFor } from '../src/page/stage/places.ts'

test('no two users in a tray are drawn as one dot, however wide the tray is', (t) => {
  for (const [width, height] of [
    [260, 74],
    [85, 51],
    [60, 60],
    [40, 120],
  ] as const) {
    for (const users of [3, 40, 200]) {
      const yard = { x: 10, y: 20, width, height }
      const radius = radiusFor(yard, users)
      const dots = Array.from({ length: users }, (_each, place) => {
        const at = new Float32Array(2)
        placeAt(yard, place, users, radius, at, 0)
        return { x: at[0] ?? 0, y: at[1] ?? 0 }
      })
      const nearest = Math.min(
        ...dots.flatMap((dot, index) => dots.slice(index + 1).map(({ x, y }) => Math.hypot(dot.x - x, dot.y - y))),
      )
      t.true(nearest >= 2 * clearRadius(yard, users, radius), `${users} users in ${width} by ${height}: ${nearest}`)
    }
  }
})
