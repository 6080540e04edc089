/** The options of each factory, and the types of the package, from the interfaces in the source. */
import { code, page, table } from './markdown.ts'
import type { Declaration, Member, Source } from './source.ts'

const GUIDE = '../../packages/sessions/README.md'

/** The call, the interface of its options, and where they are explained. */
const FACTORIES: readonly (readonly [call: string, interfaceName: string, from: string])[] = [
  ['openStore(url, options)', 'OpenStoreOptions', '@ninelives/sessions'],
  ['sessions(app, options)', 'SessionsOptions', '@ninelives/sessions'],
  ['visitors, of sessions()', 'VisitorOptions', '@ninelives/sessions'],
  ['lastKnown, of sessions()', 'LastKnownLimits', '@ninelives/sessions'],
  ['guard, of sessions()', 'GuardOptions', '@ninelives/sessions'],
  ['session.update(name, change, options)', 'UpdateOptions', '@ninelives/sessions'],
  ['session.single(name, run, options)', 'SingleOptions', '@ninelives/sessions'],
  ['createSessions(options)', 'WebSessionsOptions', '@ninelives/sessions/web'],
  ['mergeItems(options)', 'MergeItemsOptions', '@ninelives/sessions'],
  ['idempotency(options)', 'IdempotencyOptions', '@ninelives/sessions'],
  ['openOldSessions(url, options)', 'OldSessionsOptions', '@ninelives/sessions'],
  ['loginThrottle(options)', 'LoginThrottleOptions', '@ninelives/sessions'],
  ['sessionBinding(options)', 'SessionBindingOptions', '@ninelives/sessions'],
  ['sameOrigin(options)', 'SameOriginOptions', '@ninelives/sessions'],
  ['sessionHeaders(options)', 'SessionHeadersOptions', '@ninelives/sessions'],
  ['expressStore(options)', 'ExpressStoreOptions', '@ninelives/sessions/express'],
  ['genuineCookie(options)', 'GenuineCookieOptions', '@ninelives/sessions/express'],
  ['sessionSockets(layer, options)', 'SessionSocketsOptions', '@ninelives/sessions/sockets'],
  ['presence(layer, options)', 'PresenceOptions', '@ninelives/sessions/sockets'],
  ['sessionClient(url, options)', 'SessionClientOptions', '@ninelives/sessions/client'],
]

export function optionsPage(source: Source): string {
  const sections = FACTORIES.map(([call, name, from]) => {
    const declared = source.interface(name)
    const rows = declared.members.map((member) => [code(member.name), code(member.type), described(member)])
    return `## ${code(call)}\n\nImported from ${code(from)}.\n\n${table(['option', 'type', ''], rows)}`
  })
  return page(
    'Options',
    `What each factory takes. An option without _required_ may be left out; an explicit \`undefined\` means its default. What can't be used throws \`SessionOptionsError\`, which names the option, what it got and what it takes. The [README of the package](${GUIDE}) shows them in use.`,
    ...sections,
  )
}

/** The files whose exported types an application meets. */
const TYPED_FILES = [
  'packages/sessions/src/contract.ts',
  'packages/sessions/src/session-fields.ts',
  'packages/sessions/src/koa/session-type.ts',
  'packages/sessions/src/web/web-session.ts',
  'packages/sessions/src/telemetry.ts',
  'packages/sessions/src/users/users.ts',
]

export function typesPage(source: Source): string {
  const sections = TYPED_FILES.flatMap((path) =>
    source
      .declarationsOf(path)
      .filter(
        ({ kind, doc, members, definition }) =>
          (kind === 'interface' || kind === 'type') && doc + definition + members.length !== '',
      )
      .filter(({ name }) => isExported(source, path, name))
      .map((declared) => typeSection(declared)),
  )
  return page(
    'Types',
    "The types that a store, a handler or an operator meets, from the source. `import type { … } from '@ninelives/sessions'`.",
    ...sections,
  )
}

function typeSection({ name, doc, members, definition }: Declaration): string {
  const rows = members.map((member) => [code(member.name), code(member.type), described(member, 'optional')])
  const shape = rows.length > 0 ? table(['member', 'type', ''], rows) : definition === '' ? '' : code(definition)
  return [`## ${code(name)}`, asProse(doc), shape].filter((part) => part !== '').join('\n\n')
}

function isExported(source: Source, path: string, name: string): boolean {
  const text = source.files.find((file) => file.path === path)?.text ?? ''
  return new RegExp(`^export (?:interface|type) ${name}\\b`, 'm').test(text)
}

function described({ isOptional, doc }: Member, marked: 'required' | 'optional' = 'required'): string {
  const mark = isOptional === (marked === 'optional') ? `_${marked}_` : ''
  return [mark, asProse(doc).replaceAll('\n\n', '<br>').replaceAll(/\n- /g, '<br>• ')]
    .filter((part) => part !== '')
    .join(' ')
}

/** A comment's paragraphs; a block of code in it is left to the source. */
function asProse(doc: string): string {
  return doc
    .split('\n\n')
    .filter((paragraph) => !paragraph.startsWith('    '))
    .join('\n\n')
    .replaceAll('<', '&lt;')
    .replace(/:$/, '.')
}
