/**
 * The due times of a user's operations, in milliseconds from the beginning, fixed by the seed alone. Answers don't change them: a
 * load that waits for answers would hide an outage.
 */
export function* dueTimes(everyMs: number, random: () => number): Generator<number, never> {
  for (let dueMs = random() * everyMs; ; dueMs += everyMs * (0.5 + random())) yield dueMs
}
