import test from 'ava'
import { conformance, type ConformanceSubject } from '../../src/conformance.ts'

/** Declares one test a case, with what it is `of` where a file has several; one that the store is excused from is skipped with its reason. */
export function conforms({ of = '', ...subject }: ConformanceSubject & { of?: string }): void {
  for (const { title, excused, run } of conformance(subject)) {
    const ofIt = `${of} ${title}`.trimStart()
    if (excused === undefined) test(ofIt, (t) => t.notThrowsAsync(run))
    else test.skip(`${ofIt} (excused: ${excused})`, () => {})
  }
}
