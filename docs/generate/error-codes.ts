/** Where the source makes an error with a code: the code, the part of the product that shows it, and the status of its answer. */
import { Source, type Syntax, walk } from './source.ts'

export const PARTS = ['sessions', 'sockets', 'balancer', 'admin', 'control', 'command', 'shop'] as const
export type Part = (typeof PARTS)[number]

export interface ErrorCode {
  readonly part: Part
  readonly code: string
  /** Of the HTTP answer, where the source names it beside the code. */
  readonly status: number | undefined
}

const CODE = /^[A-Z][A-Z0-9_]{3,}$/
/** The errors that take a code, and where it stands among their arguments. */
const TAKES_CODE: Readonly<Record<string, number>> = {
  ApiError: 1,
  RequestError: 1,
  SessionError: 0,
  LabError: 0,
  OperationError: 0,
  refused: 1,
}
/** Not for people: between two nodes, and between the balancer's own processes. */
const INTERNAL = new Set(['MALFORMED_FRAME', 'TOO_FEW_COPIES'])

/** Each code once a part, in the order of their names. */
export function errorCodes(): ErrorCode[] {
  const { files } = new Source('packages/{sessions,balancer,lab,node}/src/**/*.ts')
  const found = new Map<string, ErrorCode>()
  for (const { path, program } of files) {
    walk(program, (node, around) => {
      const code = codeIn(node, around)
      if (code === undefined || INTERNAL.has(code.code)) return
      const part = partOf(path, around)
      const key = `${part} ${code.code}`
      found.set(key, { part, code: code.code, status: found.get(key)?.status ?? code.status })
    })
  }
  return [...found.values()].sort((one, other) => one.code.localeCompare(other.code))
}

function codeIn(node: Syntax, around: readonly Syntax[]): Pick<ErrorCode, 'code' | 'status'> | undefined {
  const parent = around.at(-1)
  if (parent === undefined) return undefined
  // A key of the balancer's table of answers, whose value has the status.
  if (node.type === 'Property') {
    const { key, value } = node as unknown as { key: { name?: string }; value: Syntax }
    const isAnswer = value.type === 'ObjectExpression' && hasProperties(value, 'status', 'fault', 'message')
    return isAnswer ? { code: key.name ?? '', status: statusIn(value) } : undefined
  }
  const code = node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : ''
  if (!CODE.test(code)) return undefined
  const name = (parent['key'] as { name?: string } | undefined)?.name
  const isField = parent.type === 'PropertyDefinition' || parent.type === 'Property'
  if (isField && name === 'code' && !isDecision(around)) return { code, status: undefined }
  if (parent.type === 'AssignmentPattern' && (parent['left'] as { name?: string }).name === 'code')
    return isInClass(around) ? { code, status: undefined } : undefined
  return isArgument(parent, node) ? { code, status: statusAmong(parent) } : undefined
}

/** Of an error's class, of its constructor, or of a function that refuses. */
function isArgument(call: Syntax, node: Syntax): boolean {
  const args = (call['arguments'] as Syntax[] | undefined) ?? []
  const callee = call['callee'] as Syntax | undefined
  if (callee?.type === 'Super') return args[0] === node
  const name = calleeName(callee)
  if (name === '#refuse') return args[0] === node
  const at = TAKES_CODE[name]
  return at !== undefined && args[at] === node
}

function calleeName(callee: Syntax | undefined): string {
  if (callee?.type === 'MemberExpression') {
    const { type, name } = callee['property'] as { type: string; name?: string }
    return type === 'PrivateIdentifier' ? `#${name}` : ''
  }
  return (callee as { name?: string } | undefined)?.name ?? ''
}

/** What the balancer decides has a code of its table, where it is found already. */
function isDecision(around: readonly Syntax[]): boolean {
  const object = around.findLast(({ type }) => type === 'ObjectExpression')
  return object !== undefined && hasProperties(object, 'next', 'rule')
}

function isInClass(around: readonly Syntax[]): boolean {
  return around.some(({ type }) => type === 'ClassDeclaration')
}

function statusAmong(call: Syntax): number | undefined {
  const numbers = (call['arguments'] as Syntax[]).map(({ value }) => value)
  return numbers.find((value): value is number => typeof value === 'number' && value >= 400)
}

function statusIn(object: Syntax): number | undefined {
  const status = (object['properties'] as Syntax[]).find(({ key }) => (key as { name?: string }).name === 'status')
  return (status?.['value'] as { value?: number } | undefined)?.value
}

function hasProperties(object: Syntax, ...names: readonly string[]): boolean {
  const properties = object['properties'] as Syntax[]
  const there = new Set(properties.map(({ key }) => (key as { name?: string } | undefined)?.name))
  return names.every((name) => there.has(name))
}

function partOf(path: string, around: readonly Syntax[]): Part {
  if (path.startsWith('packages/node/')) return 'shop'
  if (path.startsWith('packages/sessions/src/sockets/')) return 'sockets'
  if (path.startsWith('packages/sessions/')) return 'sessions'
  if (path.startsWith('packages/lab/')) {
    return around.some((node) => calleeName(node['callee'] as Syntax | undefined) === 'ApiError')
      ? 'control'
      : 'command'
  }
  const isOperation = around.some((node) =>
    ['OperationError', 'refused'].includes(calleeName(node['callee'] as Syntax | undefined)),
  )
  return isOperation || path.includes('/admin/') ? 'admin' : 'balancer'
}
