/** Writes what can be handed on of a judged run: a page, JUnit XML, a badge, the summary of a GitHub job. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { UsageError } from '../../errors.ts'
import { badge } from '../../report/badge.ts'
import { junitXml } from '../../report/junit.ts'
import { reportPage } from '../../report/page.ts'
import type { RunReport } from '../../report/run-report.ts'
import { jobSummary } from '../../report/summary.ts'
import { runText } from '../../terminal/verdict.ts'
import { type FlagValues, textFlag } from '../command/flags.ts'

function file(help: string) {
  return textFlag<string | undefined>('a file', { placeholder: 'FILE', help, otherwise: undefined })
}

export const reportFlag = file(
  'one HTML file about the run: verdict, exposure, timeline, and each anomaly as a diagram',
)

export const handOnFlags = {
  junit: file('the verdict as JUnit XML, for a CI server'),
  badge: file('the verdict as a badge (SVG)'),
}

export type HandOn = FlagValues<typeof handOnFlags> & { readonly report?: string | undefined }

/** Throws UsageError if one of the files can't be written. Checked before a run that takes minutes. */
export function requireWritable({ report, junit, badge: picture }: HandOn): void {
  for (const each of [report, junit, picture]) if (each !== undefined) attempt(each, () => appendFileSync(each, ''))
}

/** `summary`: the file to which GitHub's runner lets a job append its summary. */
export function handOn(run: RunReport, { report, junit, badge: picture }: HandOn, summary?: string): void {
  if (report !== undefined) attempt(report, () => writeFileSync(report, reportPage(run)))
  if (junit !== undefined) attempt(junit, () => writeFileSync(junit, junitXml(run.verdict, nameOf(run))))
  if (picture !== undefined) attempt(picture, () => writeFileSync(picture, badge(run.verdict)))
  if (summary !== undefined) attempt(summary, () => appendFileSync(summary, jobSummary(run)))
}

function attempt(where: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    throw new UsageError(`${where} can't be written: ${(error as Error).message}`)
  }
}

function nameOf({ frame }: RunReport): string {
  const start = frame.events.find((event) => event.type === 'run-started')
  return start === undefined ? 'a run' : runText(start)
}
