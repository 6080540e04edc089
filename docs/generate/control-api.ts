/** The control API as a page, from docs/reference/control-api.yaml, which tests compare with the lab. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { code, page, table } from './markdown.ts'
import { ROOT } from './source.ts'

export interface OpenApi {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly responses: Readonly<Record<string, Answer>>
  }
}

export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly responses: Readonly<Record<string, Answer>>
}

interface Answer {
  readonly $ref?: string
  readonly description?: string
}

export interface Schema {
  readonly description?: string
  readonly type?: string
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
}

/** Also the parameters of a path stand beside its operations. */
export function operationsOf(api: OpenApi): (readonly [method: string, path: string, operation: Operation])[] {
  return Object.entries(api.paths).flatMap(([path, beside]) =>
    Object.entries(beside)
      .filter(([method]) => METHODS.has(method))
      .map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
  )
}

const METHODS = new Set(['get', 'post', 'delete'])

export function controlApi(): OpenApi {
  return parse(readFileSync(join(ROOT, 'docs/reference/control-api.yaml'), 'utf8')) as OpenApi
}

export function controlApiPage(): string {
  const api = controlApi()
  const { info, components } = api
  const sections = operationsOf(api).map(([method, path, { summary, description, responses }]) => {
    const rows = Object.entries(responses).map(([status, answer]) => [status, described(answer, components.responses)])
    const parts = [`## ${code(`${method} ${path}`)}`, summary, description ?? '', table(['status', ''], rows)]
    return parts.filter((part) => part !== '').join('\n\n')
  })
  return page(info.title, info.description, 'As OpenAPI 3.1: [control-api.yaml](control-api.yaml).', ...sections)
}

function described({ $ref, description = '' }: Answer, named: OpenApi['components']['responses']): string {
  return $ref === undefined ? description : (named[$ref.split('/').at(-1) ?? '']?.description ?? '')
}
