/** What the shop keeps in a session, inside of the body of its record: what is before that is the session layer's own. */

export interface Contents {
  user?: string
  cart?: Record<string, number>
  count?: number
  /** Where the user's marker is. */
  floor?: object
}

const MARK = ',"d":'

export function contentsOf(body: string): Contents {
  return JSON.parse(body.slice(startOf(body), -1)) as Contents
}

export function withContents(body: string, contents: Contents): string {
  return `${body.slice(0, startOf(body))}${JSON.stringify(contents)}}`
}

/** What the layer itself keeps, up to the contents. */
export function headOf(body: string): string {
  return body.slice(0, startOf(body))
}

/** Whether the same cookie opens both. */
export function isSameBearer(one: string, other: string): boolean {
  return bearerOf(one) === bearerOf(other)
}

function bearerOf(body: string): string | undefined {
  return /^\{"k":"[^"]+"/.exec(body)?.[0]
}

function startOf(body: string): number {
  return body.indexOf(MARK) + MARK.length
}
