/**
 * When a user acts: instants in milliseconds from the beginning, fixed by the seed alone. Whatever becomes of one
 * operation, the next is due when it is due; a load that waits for its answers would hide an outage.
 */
export function* dueTimes(everyMs: number, random: () => number): Generator<number, never> {
  for (let dueMs = random() * everyMs; ; dueMs += everyMs * (0.5 + random())) yield dueMs
}
