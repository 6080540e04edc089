export interface StartScript {
  /** The server's directory. */
  readonly data: string
  /** The command that makes that directory at another path. */
  readonly make: (at: string) => readonly string[]
  readonly serve: readonly string[]
  /** Makes the directory also if it is there. */
  readonly anew: boolean
}

/**
 * Databases refuse to run as root. Root becomes `nobody`, with root's right to pass through private directories such as the run's.
 */
const AS_ORDINARY_USER =
  process.getuid?.() === 0
    ? [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        ...['inh', 'ambient'].map((set) => `--${set}-caps=+dac_override`),
      ]
    : []

/** A command that makes a server's directory and then becomes the server, so that a server's start is one process. */
export function startScript({ data, make, serve, anew }: StartScript): readonly string[] {
  const [old, unfinished] = [quoted([data]), quoted([`${data}.new`])]
  const isKept = anew ? 'false' : `[ -d ${old} ]`
  // Made elsewhere first, so that a start that is killed leaves nothing half made.
  const fresh = `rm -rf ${old} ${unfinished} && ${quoted(make(`${data}.new`))} >&2 && mv ${unfinished} ${old}`
  return [...AS_ORDINARY_USER, 'sh', '-c', `{ ${isKept} || { ${fresh}; }; } && exec ${quoted(serve)}`]
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
}
