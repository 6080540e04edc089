/** What a mistyped word may have meant. */
const DISTANCE_MAX = 2

/** The one choice that is at most two edits away; undefined where there is none, or two are as close. */
export function closest(given: string, choices: readonly string[]): string | undefined {
  const near = choices
    .map((choice) => ({ choice, distance: distanceOf(given, choice) }))
    .filter(({ distance }) => distance <= DISTANCE_MAX)
    .sort((left, right) => left.distance - right.distance)
  const [first, second] = near
  return first !== undefined && first.distance === second?.distance ? undefined : first?.choice
}

/** Edits: a letter more, less, another one, or two that changed places. */
function distanceOf(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= left.length; row++) {
    const line = [row]
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1]
      const isSwapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      const edits = [
        at(rows, row - 1, column) + 1,
        (line[column - 1] ?? 0) + 1,
        at(rows, row - 1, column - 1) + Number(!isSame),
      ]
      if (isSwapped) edits.push(at(rows, row - 2, column - 2) + 1)
      line.push(Math.min(...edits))
    }
    rows.push(line)
  }
  return at(rows, left.length, right.length)
}

function at(rows: readonly (readonly number[])[], row: number, column: number): number {
  return rows[row]?.[column] ?? Number.POSITIVE_INFINITY
}
