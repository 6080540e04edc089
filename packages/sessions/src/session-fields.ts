/** What an application keeps in a session, and the types that follow from it. */

/**
 * What the application keeps in a session. Declare it once, and `ctx.session`, `update` and the options are typed:
 *
 *     declare module '@ninelives/sessions' {
 *       interface SessionFields {
 *         user: string
 *         count: number
 *       }
 *     }
 *
 * Each field may be absent. Where nothing is declared, every name is allowed and every value is `unknown`.
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- an application adds to it
export interface SessionFields {}

/** The fields as a request finds them. */
export type SessionDraft<Fields extends object = SessionFields> = [keyof Fields] extends [never]
  ? Record<string, unknown>
  : { -readonly [name in keyof Fields]?: Fields[name] | undefined }

/** How long a session may be unused, in milliseconds; `session`: as usual, and its cookie ends with the browser. */
export type MaxAge = number | 'session'
