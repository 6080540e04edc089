/** A TypeScript module for a browser. It keeps its line numbers, so that a browser's error names the place in the source. */
import { stripTypeScriptTypes } from 'node:module'

export function browserModule(source: string): string {
  return withoutItsWarning(() => stripTypeScriptTypes(source))
}

/** Node's warning that the function is experimental would appear in the output of whatever serves a page. */
function withoutItsWarning<T>(act: () => T): T {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return act()
  } finally {
    process.emitWarning = emitWarning
  }
}
