/** The packages that are published, each after those that it depends on, and what their tarballs say of the project. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../', import.meta.url))

/** All of the workspace: the lab starts the demo's nodes and serves the live page, so these are published with it. */
export const PACKAGES = ['style', 'history', 'sessions', 'balancer', 'dashboard', 'node', 'lab'] as const

export type PackageName = (typeof PACKAGES)[number]

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly keywords?: readonly string[]
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly engines?: Readonly<Record<string, string>>
  /** What is published in place of the field of the same name. */
  readonly publishConfig?: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** Of the project, for every package. */
interface Project {
  readonly version: string
  readonly license: string
  /** Absent as long as the project has no public address: npm links to it, and proves by it where a package was built. */
  readonly repository?: { readonly type: string; readonly url: string }
}

export const project = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Project

export function manifestOf(name: PackageName): Manifest {
  return JSON.parse(readFileSync(`${root}packages/${name}/package.json`, 'utf8')) as Manifest
}

/** As npm names it. */
export function tarballOf({ name, version }: Manifest): string {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
}
