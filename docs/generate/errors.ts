/** Every error code with its remedy. A code of the source without a remedy here is an error, and so is a remedy without its code. */
import { errorCodes, type Part, PARTS } from './error-codes.ts'
import { code, page } from './markdown.ts'
import { REMEDIES } from './remedies.ts'

const TITLES: Readonly<Record<Part, string>> = {
  sessions: 'The session layer',
  sockets: 'Sockets of the session layer',
  balancer: 'The balancer, to clients and at its start',
  admin: "The balancer's admin API",
  control: "The lab's control API",
  command: 'The command line of the lab',
  shop: 'The shop of the demo',
}

const INTROS: Readonly<Record<Part, string>> = {
  sessions:
    'Thrown as a `SessionError` with `code`, `status` and `headers`; Koa answers with them by itself. Those with status 500 are mistakes in the program or in its set-up.',
  sockets:
    "An error frame `{type: 'error', code, message}`, after which the socket closes, but for `INTERNAL` and the codes of the session layer.",
  balancer: '`{error: {code, message, requestId}}`, or a line of text where `Accept` prefers it.',
  admin: '`{error: {code, message}}`.',
  control: '`{error: {code, message}}`, on the loopback only.',
  command:
    'One line on stderr that names the remedy, and the exit code 2 for what you can change, 1 for what did not work. The codes are for programs that use the lab.',
  shop: '`{error: {code, message}}`.',
}

export function errorsPage(): string {
  const codes = errorCodes()
  const sections = PARTS.map((part) => {
    const entries = codes
      .filter((each) => each.part === part)
      .map(({ code: name, status }) => {
        const [meaning, remedy] = REMEDIES[part][name] ?? missing(part, name)
        const answered = status === undefined ? '' : `Status ${status}. `
        return `### ${name}\n\n${answered}${meaning}\n\n**Remedy:** ${remedy}`
      })
    for (const name of Object.keys(REMEDIES[part])) {
      if (!codes.some((each) => each.part === part && each.code === name))
        throw new Error(`docs/generate/remedies.ts has ${name} of ${part}, and the source has no such code`)
    }
    return `## ${TITLES[part]}\n\n${INTROS[part]}\n\n${entries.join('\n\n')}`
  })
  return page(
    'Errors',
    `Every code, what it means, and what to do. ${code('cause')} of an error has what was underneath, such as the error of a driver.`,
    ...sections,
  )
}

function missing(part: Part, name: string): never {
  throw new Error(
    `the source has the error code ${name}: say in docs/generate/remedies.ts, under ${part}, what it means and what to do`,
  )
}
