import test from 'ava'
import { conformance, type ConformanceSubject } from '../../src/conformance.ts'

/** Declares one test a case; one that the store is excused from is skipped with its reason. */
export function conforms(subject: ConformanceSubject): void {
  for (const { title, excused, run } of conformance(subject)) {
    if (excused === undefined) test(title, (t) => t.notThrowsAsync(run))
    else test.skip(`${title} (excused: ${excused})`, () => {})
  }
}
