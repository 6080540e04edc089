/**
 * The live page, as files for the lab to serve. Its modules are TypeScript and share the reducer of `@ninelives/history` with
 * the lab. They are served with their types replaced by spaces; there is no build step.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { browserModule, tokensCss } from '@ninelives/style'

export interface PageFile {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
}

/** Only files from this server, no inline script or style, and framed by this page alone. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ')

const folder = (url: string): string => fileURLToPath(new URL('./', url))

const directories: readonly { readonly prefix: string; readonly directory: string }[] = [
  { prefix: '/page/', directory: fileURLToPath(new URL('./page/', import.meta.url)) },
  { prefix: '/history/', directory: folder(import.meta.resolve('@ninelives/history')) },
]
/** Paths in this folder or one below it, never outside. */
const FILE_NAME = /^(?:[a-z0-9-]+\/)?[a-z0-9-]+\.(html|css|svg|ts)$/

/** Single files of other packages. */
const others: Readonly<Record<string, () => { readonly name: string; readonly body: Buffer }>> = {
  '/style/tokens.css': () => ({ name: 'tokens.css', body: tokensCss }),
  '/vendor/uplot.js': () => ({ name: 'uplot.js', body: readFileSync(uplot('uPlot.esm.js')) }),
  '/vendor/uplot.css': () => ({ name: 'uplot.css', body: readFileSync(uplot('uPlot.min.css')) }),
}

function uplot(name: string): string {
  return path.join(path.dirname(createRequire(import.meta.url).resolve('uplot')), name)
}

/** What the modules import from other packages, as the browser finds it. */
const imports: readonly (readonly [from: string, to: string])[] = [
  ["'@ninelives/history'", "'/history/index.ts'"],
  ["'uplot'", "'/vendor/uplot.js'"],
]

const cache = new Map<string, PageFile>()

/** The page's file at that path; undefined if there is none. */
export function pageFile(urlPath: string): PageFile | undefined {
  const known = cache.get(urlPath)
  if (known !== undefined) return known
  const file = readPageFile(urlPath === '/' ? '/page/index.html' : urlPath)
  if (file !== undefined) cache.set(urlPath, file)
  return file
}

function readPageFile(urlPath: string): PageFile | undefined {
  if (Object.hasOwn(others, urlPath)) {
    const file = others[urlPath]?.()
    return file && served(file.name, file.body)
  }
  const place = directories.find(({ prefix }) => urlPath.startsWith(prefix))
  if (place === undefined) return undefined
  const name = urlPath.slice(place.prefix.length)
  if (!FILE_NAME.test(name)) return undefined
  let body: Buffer
  try {
    body = readFileSync(path.join(place.directory, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return served(name, path.extname(name) === '.ts' ? withImports(body) : body)
}

function served(name: string, body: Buffer): PageFile {
  const headers = {
    'Content-Type': types[path.extname(name)] ?? 'application/octet-stream',
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'Referrer-Policy': 'no-referrer',
  }
  return { headers, body }
}

function withImports(source: Buffer): Buffer {
  const text = browserModule(source.toString('utf8'))
  return Buffer.from(imports.reduce((code, [from, to]) => code.replaceAll(from, to), text))
}
