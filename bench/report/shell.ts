/** The frame of every page of the report: one file that needs no network. */
import { readFileSync } from 'node:fs'
import { html, type Markup, trusted } from '@ninelives/lab'
import { browserModule, tokensCss } from '@ninelives/style'

const style = `${tokensCss.toString('utf8')}\n${readFileSync(new URL('page/style.css', import.meta.url), 'utf8')}`
const behaviour = browserModule(readFileSync(new URL('page/behaviour.ts', import.meta.url), 'utf8'))

const ICON = trusted(
  '<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#b03a0c"/>' +
    '<path d="M7 26V11l5 4h8l5-4v15z" fill="#fff"/><circle cx="12.5" cy="20" r="1.8" fill="#b03a0c"/>' +
    '<circle cx="19.5" cy="20" r="1.8" fill="#b03a0c"/></svg>',
)

/** Injected code could fetch nothing and send nothing. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

export interface Page {
  readonly title: string
  readonly about: Markup
  readonly main: Markup
  /** Elements of data after the page. */
  readonly data: Markup
}

export function shell({ title, about, main, data }: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${trusted(style)}
        </style>
      </head>
      <body>
        <a class="skip" href="#answer">To the answer</a>
        <header>
          <div class="masthead">
            ${ICON}
            <h1>${title}</h1>
          </div>
          <p class="about">${about}</p>
        </header>
        <main>${main}</main>
        ${data}
        <script type="module">
          ${trusted(behaviour)}
        </script>
      </body>
    </html> `.text
}

/** Why the figures are not to be quoted; undefined without doubts. */
export function doubtsNote(title: string, doubts: readonly string[]): Markup | undefined {
  if (doubts.length === 0) return undefined
  return html`<div class="doubts" role="note">
    <p><strong>⚠ ${title}</strong></p>
    <ul>
      ${doubts.map((doubt) => html`<li>${doubt}</li> `)}
    </ul>
  </div> `
}
