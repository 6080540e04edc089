/** The format of a trace, from the types of its events. */
import { code, page, table } from './markdown.ts'
import type { Source } from './source.ts'

const EVENTS = 'packages/history/src/trace/events.ts'

export function tracePage(source: Source): string {
  const declared = source.declarationsOf(EVENTS)
  const body = declared.find(({ name }) => name === 'EventBody')
  if (body === undefined) throw new Error(`${EVENTS} has no EventBody`)
  const names = body.definition.split(' | ')
  const sections = names.map((name) => {
    const { doc, members } = source.interface(name)
    const type = members.find((member) => member.name === 'type')?.type.replaceAll("'", '') ?? name
    const rows = members
      .filter((member) => member.name !== 'type')
      .map((member) => [
        code(member.name),
        code(member.type),
        [member.isOptional ? '_optional_' : '', member.doc].join(' ').trim(),
      ])
    const fields = rows.length === 0 ? 'It has no fields of its own.' : table(['field', 'type', ''], rows)
    return [`## ${code(type)}`, doc, fields].filter((part) => part !== '').join('\n\n')
  })
  const stamp = source.interface('Stamp').members.map((member) => [code(member.name), code(member.type), member.doc])
  return page(
    'The trace',
    'The file `trace.ndjson` of a run: one JSON object a line, append-only, in the order in which the lab learned the facts. The first line is `run-started`, which names the schema. A reader ignores types that it does not know, and uses a trace up to its first malformed line. `npx ninelives replay`, `check` and `report` read it; [`@ninelives/history`](../../packages/history/README.md) does so in a program.',
    `## Every event\n\n${table(['field', 'type', ''], [...stamp, [code('type'), '', 'Which of the events below it is.']])}`,
    ...sections,
  )
}
