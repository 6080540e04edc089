/**
 * The file that CONFIG_FILE names: lines of KEY=value, which take precedence over the environment. A process's environment can't
 * change, and a file can be read again. Empty lines and lines that begin with # are ignored.
 */
import { readFileSync } from 'node:fs'
import type { ConfigFault, Environment } from './config-values.ts'

export interface FileValues {
  readonly values: Environment
  readonly faults: readonly ConfigFault[]
}

const CONFIG_FILE = 'CONFIG_FILE'
const LINE = /^\s*([A-Z][A-Z0-9_]*)\s*=(.*)$/

export function fileValues(env: Environment): FileValues {
  const path = env[CONFIG_FILE]?.trim()
  if (path === undefined || path === '') return { values: {}, faults: [] }
  try {
    return parsed(readFileSync(path, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `${CONFIG_FILE} is ${JSON.stringify(path)}, but takes the path of a file that can be read (${reason}).`
    return { values: {}, faults: [{ key: CONFIG_FILE, message }] }
  }
}

function parsed(text: string): FileValues {
  const values: Record<string, string> = {}
  const faults: ConfigFault[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const [, key, value] = LINE.exec(line) ?? []
    const fault = (got: string, takes: string) =>
      faults.push({
        key: key ?? CONFIG_FILE,
        message: `${CONFIG_FILE} ${got} in line ${index + 1}, but takes ${takes}.`,
      })
    // The error does not repeat the line: it may hold a secret.
    if (key === undefined || value === undefined) fault('has no KEY=value', 'one in each line')
    else if (key in values) fault(`has ${key} again`, 'each key once')
    else values[key] = value.trim()
  }
  return { values, faults }
}
