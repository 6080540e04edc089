/** Every metric, from where the source makes it. A test compares the page with what /metrics prints. */
import { code, page, table } from './markdown.ts'
import { Source, type Syntax, walk } from './source.ts'

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

const PARTS: readonly {
  readonly title: string
  readonly intro: string
  readonly pattern: string
  readonly prefix: string
}[] = [
  {
    title: 'The balancer',
    intro: 'On its admin port, `ADMIN_PORT`. With `--workers` they are the sums of all workers.',
    pattern: 'packages/balancer/src/{telemetry,workers}/*.ts',
    prefix: 'ninelives_balancer_',
  },
  {
    title: 'The session layer',
    intro:
      'In every application with the option `metrics`, see [What it tells an operator](../../packages/sessions/README.md#what-it-tells-an-operator). Those of copies, Memcached, the mesh and the mirror are there where the store has them.',
    pattern: 'packages/sessions/src/**/*.ts',
    prefix: 'ninelives_',
  },
  {
    title: 'A node',
    intro: 'At `/metrics` of each node of the demo, beside those of the session layer; all have the label `node`.',
    pattern: 'packages/node/src/**/*.ts',
    prefix: 'ninelives_',
  },
]

export function metricsPage(): string {
  const sections = PARTS.map(({ title, intro, pattern, prefix }) => {
    const metrics = new Source(pattern).files.flatMap(({ program }) => metricsIn(program, prefix))
    const once = [...new Map(metrics.map((metric) => [metric.name, metric])).values()].sort((one, other) =>
      one.name.localeCompare(other.name),
    )
    const rows = once.map(({ name, type, help, labels }) => [
      code(name),
      type,
      labels.map((label) => code(label)).join(', '),
      help,
    ])
    return `## ${title}\n\n${intro}\n\n${table(['metric', 'type', 'labels', ''], rows)}`
  })
  return page(
    'Metrics',
    'In the text format of Prometheus, beside the process metrics of the client library (`process_…`, `nodejs_…`). A histogram has `_bucket`, `_sum` and `_count`.',
    ...sections,
  )
}

/** The classes that make a metric: those of the client library, and ours around them. */
const TYPES: Readonly<Record<string, Metric['type']>> = {
  Counter: 'counter',
  Counted: 'counter',
  Gauge: 'gauge',
  Histogram: 'histogram',
  Durations: 'histogram',
}

/**
 * A metric is made by one of these classes, from an object or from a name, a help and labels; or by a function around one, which is
 * called with a name and a help as texts and puts the name into a template.
 */
function metricsIn(program: Syntax, prefix: string): Metric[] {
  const found: Metric[] = []
  walk(program, (node, around) => {
    if (node.type === 'NewExpression') found.push(...madeBy(node, prefix, around))
    if (node.type !== 'CallExpression') return
    const [name, help] = (node['arguments'] as Syntax[]).slice(nameAt(node))
    const [called, helpText] = [textOf(name), textOf(help)]
    if (called === undefined || helpText === undefined) return
    const definition = definitionOf((node['callee'] as { name?: string }).name, around)
    const made = definition && constructionIn(definition)
    if (made === undefined) return
    const template = nameOf(made)
    if (template?.type !== 'TemplateLiteral') return
    const further = (node['arguments'] as Syntax[]).slice(nameAt(node) + 2)
    const labels = optionsOf(made) === undefined ? further.flatMap((each) => textsIn(each)) : labelsOf(made)
    found.push({ name: filled(template, prefix, called), type: typeOf(made) ?? 'gauge', help: helpText, labels })
  })
  return found
}

/** Where the name stands among the arguments: a registry may come first. */
function nameAt(call: Syntax): number {
  const [first] = call['arguments'] as Syntax[]
  return first?.type === 'Identifier' ? 1 : 0
}

/** Without those whose name is a variable: these are in a function around. */
function madeBy(made: Syntax, prefix: string, around: readonly Syntax[]): Metric[] {
  const [type, name] = [typeOf(made), nameOf(made)]
  if (type === undefined || name === undefined) return []
  const variables = (name['expressions'] as Syntax[] | undefined) ?? []
  if (variables.some(({ name: variable }) => variable !== 'PREFIX')) return []
  const options = optionsOf(made)
  const help = options === undefined ? (made['arguments'] as Syntax[])[2] : property(options, 'help')
  const constant = definitionOf((help as { name?: string } | undefined)?.name, around)
  const text = textOf(help) ?? textOf(constant?.['init'] as Syntax | undefined) ?? ''
  return [{ name: textOf(name) ?? filled(name, prefix, ''), type, help: text, labels: labelsOf(made) }]
}

function typeOf(made: Syntax): Metric['type'] | undefined {
  return TYPES[(made['callee'] as { name?: string }).name ?? '']
}

function optionsOf(made: Syntax): Syntax | undefined {
  const [first] = made['arguments'] as Syntax[]
  return first?.type === 'ObjectExpression' ? first : undefined
}

function nameOf(made: Syntax): Syntax | undefined {
  const options = optionsOf(made)
  const name = options === undefined ? (made['arguments'] as Syntax[])[1] : property(options, 'name')
  return name?.type === 'TemplateLiteral' || textOf(name) !== undefined ? name : undefined
}

function labelsOf(made: Syntax): string[] {
  const options = optionsOf(made)
  const labels = options === undefined ? (made['arguments'] as Syntax[])[3] : property(options, 'labelNames')
  return labels === undefined ? [] : textsIn(labels)
}

/** The function or variable of that name in the nearest scope that has one. */
function definitionOf(name: string | undefined, around: readonly Syntax[]): Syntax | undefined {
  if (name === undefined) return undefined
  for (const scope of around.toReversed()) {
    const statements = scope['body']
    if (!Array.isArray(statements)) continue
    for (const statement of statements as Syntax[]) {
      const declared = (statement['declaration'] as Syntax | undefined) ?? statement
      const all = declared.type === 'VariableDeclaration' ? (declared['declarations'] as Syntax[]) : [declared]
      const found = all.find((each) => (each['id'] as { name?: string } | null | undefined)?.name === name)
      if (found !== undefined) return found
    }
  }
  return undefined
}

function constructionIn(definition: Syntax): Syntax | undefined {
  let found: Syntax | undefined
  walk(definition, (node) => {
    if (node.type === 'NewExpression' && typeOf(node) !== undefined) found ??= node
  })
  return found
}

function property(object: Syntax | undefined, name: string): Syntax | undefined {
  const properties = (object?.['properties'] as Syntax[] | undefined) ?? []
  const found = properties.find(({ key }) => (key as { name?: string } | undefined)?.name === name)
  return found?.['value'] as Syntax | undefined
}

function textOf(node: Syntax | undefined): string | undefined {
  return node?.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined
}

function textsIn(node: Syntax): string[] {
  const each = node.type === 'ArrayExpression' ? (node['elements'] as Syntax[]) : [node]
  return each.flatMap((element) => textOf(element) ?? [])
}

/** The text of a template in which PREFIX is the part's prefix, and any other variable the name that was called with. */
function filled(template: Syntax, prefix: string, called: string): string {
  const texts = (template['quasis'] as Syntax[]).map(({ value }) => (value as { cooked: string }).cooked)
  const variables = (template['expressions'] as Syntax[]).map(({ name }) => (name === 'PREFIX' ? prefix : called))
  return texts.map((text, index) => text + (variables[index] ?? '')).join('')
}
