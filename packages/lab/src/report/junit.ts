/** A verdict as JUnit XML, as CI servers read it: a test for each anomaly that was looked for, and one for what is in doubt. */
import { ANOMALIES, type Verdict } from '@ninelives/history'
import { visible } from '../terminal/visible.ts'
import { escaped } from './markup.ts'

export function junitXml({ verdict, anomalies, doubts }: Verdict, run: string): string {
  const found = new Map(anomalies.map((each) => [each.kind, each]))
  const isProven = verdict !== 'unknown'
  const cases = ANOMALIES.map((kind) => {
    const anomaly = found.get(kind)
    if (anomaly === undefined) return testcase(run, `no ${kind}`)
    const { times, worst } = anomaly
    const text = `${times === 1 ? 'once' : `${times} times`}; the worst: ${worst.text} (operations ${worst.ops.join(', ')})`
    return testcase(
      run,
      `no ${kind}`,
      `<failure message="${attribute(worst.text)}">${escaped(visible(text))}</failure>`,
    )
  })
  const doubt = `<error message="${attribute(doubts[0] ?? '')}">${escaped(doubts.map(visible).join('\n'))}</error>`
  const whole = testcase(run, 'the run could have shown a loss', isProven ? undefined : doubt)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites><testsuite name="${attribute(`ninelives prove, ${run}`)}" tests="${ANOMALIES.length + 1}" failures="${anomalies.length}" errors="${isProven ? 0 : 1}">`,
    ...cases,
    whole,
    '</testsuite></testsuites>\n',
  ].join('\n')
}

function testcase(run: string, name: string, end?: string): string {
  const head = `  <testcase classname="${attribute(run)}" name="${attribute(name)}"`
  return end === undefined ? `${head}/>` : `${head}>\n    ${end}\n  </testcase>`
}

function attribute(text: string): string {
  return escaped(visible(text))
}
