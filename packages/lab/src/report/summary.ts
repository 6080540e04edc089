/** A verdict as Markdown, for the summary of a GitHub job. */
import { INTERLEAVINGS } from '@ninelives/history'
import { runText } from '../terminal/verdict.ts'
import { visible } from '../terminal/visible.ts'
import { lossSentence, type RunReport } from './run-report.ts'

const SIGNS = { valid: '✅', invalid: '❌', unknown: '⚠️' } as const

export function jobSummary({ verdict, frame }: RunReport): string {
  const start = frame.events.find((event) => event.type === 'run-started')
  const { anomalies, doubts, interleavings } = verdict
  const there = interleavings.filter(({ times }) => times > 0)
  return [
    `### ${SIGNS[verdict.verdict]} ${verdict.verdict}: ${text(start === undefined ? '' : runText(start))}`,
    '',
    lossSentence(verdict),
    '',
    ...anomalies.map(({ kind, times, worst }) => `- **${kind}**, ${times} times: ${text(worst.text)}`),
    ...doubts.map((doubt) => `- in doubt: ${text(doubt)}`),
    ...(there.length === 0 ? [] : ['', '| times | interleaving |', '| ---: | --- |']),
    ...there.map(({ name, times }) => `| ${times} | ${INTERLEAVINGS[name]} |`),
    '',
    '',
  ].join('\n')
}

/** Nothing in it can begin markup. */
function text(foreign: string): string {
  return visible(foreign).replaceAll(/[\\`*_{}[\]<>()#|!&]/g, (character) => `&#${character.charCodeAt(0)};`)
}
