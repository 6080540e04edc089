/** What the source says of itself: its types with their doc comments, and its texts with the code around them. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A node of the syntax tree. */
export interface Syntax {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

export interface Member {
  readonly name: string
  readonly isOptional: boolean
  /** As it is written, on one line. */
  readonly type: string
  readonly doc: string
}

export interface Declaration {
  readonly name: string
  readonly kind: 'interface' | 'type' | 'class' | 'function' | 'const'
  readonly doc: string
  /** An interface's own members and those that it takes from another one. */
  readonly members: readonly Member[]
  /** A type's definition, a function's parameters and result. */
  readonly definition: string
}

interface Parsed {
  readonly path: string
  readonly text: string
  readonly program: Syntax
  /** The text of each doc comment, by where it ends. */
  readonly docs: ReadonlyMap<number, string>
}

export class Source {
  readonly files: readonly Parsed[]
  readonly #interfaces = new Map<string, { readonly file: Parsed; readonly syntax: Syntax }>()

  /** `patterns` are relative to the repository. */
  constructor(...patterns: readonly string[]) {
    this.files = globSync(patterns, { cwd: ROOT })
      .sort()
      .map((path) => parsed(path))
    for (const file of this.files) {
      for (const syntax of declarations(file.program))
        if (syntax.type === 'TSInterfaceDeclaration') this.#interfaces.set(nameOf(syntax['id']), { file, syntax })
    }
  }

  /** In their order. Throws where there is no such file. */
  declarationsOf(path: string): Declaration[] {
    const file = this.files.find((each) => each.path === path)
    if (file === undefined) throw new Error(`there is no ${path}`)
    return declarations(file.program).map((syntax) => this.#declaration(file, syntax))
  }

  /** Throws where there is none of that name. */
  interface(name: string): Declaration {
    const found = this.#interfaces.get(name)
    if (found === undefined) throw new Error(`the source has no interface ${name}`)
    return this.#declaration(found.file, found.syntax)
  }

  #declaration(file: Parsed, syntax: Syntax): Declaration {
    const inExport = file.program['body'] as Syntax[]
    const whole = inExport.find(({ start, end }) => start <= syntax.start && end >= syntax.end) ?? syntax
    const name = nameOf(syntax['id'])
    const doc = docBefore(file, whole.start)
    const declared = { name, doc, members: [] as Member[], definition: '' }
    if (syntax.type === 'TSInterfaceDeclaration')
      return { ...declared, kind: 'interface', members: this.#members(file, syntax) }
    if (syntax.type === 'TSTypeAliasDeclaration')
      return { ...declared, kind: 'type', definition: oneLine(file, syntax['typeAnnotation'] as Syntax) }
    if (syntax.type === 'ClassDeclaration') return { ...declared, kind: 'class' }
    return { ...declared, kind: syntax.type === 'FunctionDeclaration' ? 'function' : 'const' }
  }

  #members(file: Parsed, syntax: Syntax): Member[] {
    const inherited = ((syntax['extends'] as Syntax[] | undefined) ?? []).flatMap((heir) => this.#inherited(file, heir))
    const own = ((syntax['body'] as Syntax)['body'] as Syntax[]).map((member) => memberOf(file, member))
    const ownNames = new Set(own.map(({ name }) => name))
    const once = own.filter((member, index) => own.findIndex(({ name }) => name === member.name) === index)
    return [...once, ...inherited.filter(({ name }) => !ownNames.has(name))]
  }

  /** Of `Base`, `Partial<Base>`, `Omit<Base, 'a' | 'b'>` and `Pick<Base, Names>`. */
  #inherited(file: Parsed, heir: Syntax): Member[] {
    const wrapper = nameOf(heir['expression'])
    const parameters = ((heir['typeArguments'] as Syntax | null)?.['params'] as Syntax[] | undefined) ?? []
    const isWrapped = ['Partial', 'Omit', 'Pick'].includes(wrapper)
    const base = isWrapped && parameters[0] !== undefined ? nameOf(parameters[0]['typeName']) : wrapper
    const found = this.#interfaces.get(base)
    if (found === undefined) return []
    const members = this.#members(found.file, found.syntax)
    if (wrapper === 'Partial') return members.map((member) => ({ ...member, isOptional: true }))
    if (!isWrapped || parameters[1] === undefined) return members
    const names = new Set(this.#literals(file, parameters[1]))
    return members.filter(({ name }) => names.has(name) === (wrapper === 'Pick'))
  }

  /** The texts of a union, by its definition where it has a name. */
  #literals(file: Parsed, type: Syntax): string[] {
    if (type.type === 'TSTypeReference') {
      const name = nameOf(type['typeName'])
      const named = declarations(file.program).find((each) => nameOf(each['id']) === name)
      return named === undefined ? [] : this.#literals(file, named['typeAnnotation'] as Syntax)
    }
    return [...file.text.slice(type.start, type.end).matchAll(/'([^']+)'/g)].map(([, text = '']) => text)
  }
}

function parsed(path: string): Parsed {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
  const docs = comments.filter(({ type, value }) => type === 'Block' && value.startsWith('*'))
  return {
    path,
    text,
    program: program as unknown as Syntax,
    docs: new Map(docs.map(({ value, end }) => [end, prose(value)])),
  }
}

/** Also those that are exported. */
function declarations(program: Syntax): Syntax[] {
  return (program['body'] as Syntax[])
    .map((statement) =>
      statement.type === 'ExportNamedDeclaration' ? (statement['declaration'] as Syntax | null) : statement,
    )
    .filter((each): each is Syntax => each !== null && typeof each['id'] === 'object' && each['id'] !== null)
}

function memberOf(file: Parsed, member: Syntax): Member {
  const name = nameOf(member['key'])
  const annotation = (member['typeAnnotation'] ?? member['returnType']) as Syntax | null
  const isProperty = member.type === 'TSPropertySignature'
  const type = isProperty
    ? oneLine(file, (annotation?.['typeAnnotation'] as Syntax | undefined) ?? member)
    : oneLine(file, { ...member, start: (member['key'] as Syntax).end }).replace(/^\?/, '')
  return { name, isOptional: member['optional'] === true, type, doc: docBefore(file, member.start) }
}

/** Only white space may stand between a doc comment and what it is about. */
function docBefore({ text, docs }: Parsed, start: number): string {
  const before = text.slice(0, start).trimEnd()
  return docs.get(before.length) ?? ''
}

function prose(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim()
}

function oneLine({ text }: Parsed, { start, end }: Pick<Syntax, 'start' | 'end'>): string {
  return text
    .slice(start, end)
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
    .replaceAll(/\s+/g, ' ')
    .replace(/^\| /, '')
    .trim()
}

function nameOf(identifier: unknown): string {
  const { name, value } = (identifier ?? {}) as { name?: string; value?: string }
  return name ?? value ?? ''
}

/** Calls `visit` for each node with those around it, the nearest last. */
export function walk(
  syntax: unknown,
  visit: (node: Syntax, around: readonly Syntax[]) => void,
  around: readonly Syntax[] = [],
): void {
  if (Array.isArray(syntax)) {
    for (const each of syntax) walk(each, visit, around)
    return
  }
  if (typeof syntax !== 'object' || syntax === null) return
  const isNode = typeof (syntax as Syntax).type === 'string'
  if (isNode) visit(syntax as Syntax, around)
  const inside = isNode ? [...around, syntax as Syntax] : around
  for (const value of Object.values(syntax)) walk(value, visit, inside)
}
