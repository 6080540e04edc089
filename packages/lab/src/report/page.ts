/** One HTML file about one run, which needs no network. */
import { INTERLEAVINGS, type TraceEvent } from '@ninelives/history'
import { operationText, rateIn, runText } from '../terminal/verdict.ts'
import { visible } from '../terminal/visible.ts'
import { html, type Markup, trusted } from './markup.ts'
import { lossSentence, type RunReport } from './run-report.ts'
import { spaceTime } from './space-time.ts'
import { STYLE } from './style.ts'
import { secondsText, timeline } from './timeline.ts'

/** Injected code could fetch nothing and send nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

export function reportPage(report: RunReport): string {
  const { verdict, frame } = report
  const { doubts, operations, latency } = verdict
  const { events } = frame
  const start = events.find((event) => event.type === 'run-started')
  const rate = rateIn(events)
  const about = start === undefined ? '' : runText(start)
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${verdict.verdict}: ${about}</title>
        <style>
          ${trusted(STYLE)}
        </style>
      </head>
      <body>
        <h1><span class="verdict ${verdict.verdict}">${verdict.verdict}</span> ${about}</h1>
        <p>${lossSentence(verdict)}</p>
        ${doubts.length === 0 ? undefined : html`<p>${verdict.verdict === 'unknown' ? 'It is unknown because:' : 'What is not known besides:'}</p>`}
        <ul>
          ${doubts.map((doubt) => html`<li>${visible(doubt)}</li>`)}
        </ul>
        <p class="quiet">
          ${start === undefined ? '' : new Date(start.startedAtMs).toISOString().slice(0, 16).replace('T', ' ')} UTC.
          Sessions: ${start?.strategy.summary}. Store: ${start?.store}.
          ${rate === undefined ? '' : `${rate} operations a second.`}
        </p>

        <h2>What happened when</h2>
        <div class="wide">${timeline(events)}</div>
        <p class="quiet">
          Nodes: red is down, blue is starting, paused or draining. Users: operations that ended in each second; red was
          not ok.
        </p>

        ${anomalySections(report)}

        <h2>What each fault met</h2>
        ${exposureTable(report)}

        <h2>Hard interleavings</h2>
        <div class="wide">${interleavingTable(report)}</div>

        <h2>Operations</h2>
        <p>
          ${operations.ok} ok, ${operations.failed} failed (provably not applied), ${operations.unknown} unknown. From
          when each was due: p50 ${latency.p50Ms.toFixed(1)} ms, p99 ${latency.p99Ms.toFixed(1)} ms, the longest
          ${latency.longestMs.toFixed(0)} ms.
        </p>
        ${latency.doubts.map((doubt) => html`<p class="quiet">The latencies are not reliable: ${visible(doubt)}.</p>`)}
        <p class="quiet">
          <code>npx ninelives check TRACE</code> judges the trace again, and
          <code>npx ninelives replay TRACE</code> shows it.
        </p>
      </body>
    </html>`
  return `${page.text}\n`
}

function anomalySections({ verdict, frame, evidence }: RunReport): Markup | undefined {
  if (verdict.anomalies.length === 0) return undefined
  return html`<h2>What proves it</h2>
    ${verdict.anomalies.map(({ kind, times, worst }) => {
      const proof = evidence.get(kind) ?? []
      return html`<section class="anomaly" id="${kind}">
        <h3>${kind}, ${times === 1 ? 'once' : `${times} times`}</h3>
        <p>${visible(worst.text)}. This is the worst one, by the fewest operations that show it.</p>
        ${proof.some(({ type }) => type === 'operation-sent') ? html`<div class="wide">${spaceTime(proof, frame.events, kind)}</div>` : undefined}
        <details>
          <summary>The operations as a list</summary>
          <div class="wide">${operationTable(proof)}</div>
        </details>
      </section>`
    })}`
}

function operationTable(proof: readonly TraceEvent[]): Markup {
  const ends = new Map(proof.flatMap((event) => (event.type === 'operation-ended' ? [[event.op, event] as const] : [])))
  return html`<table>
    <tr>
      <th class="number">sent</th>
      <th>operation</th>
    </tr>
    ${proof.flatMap((sent) =>
      sent.type === 'operation-sent'
        ? [
            html`<tr>
              <td class="number">${(sent.sentAtMs / 1_000).toFixed(3)} s</td>
              <td>${visible(operationText(sent, ends.get(sent.op)))}</td>
            </tr>`,
          ]
        : [],
    )}
  </table>`
}

function exposureTable({ verdict, frame }: RunReport): Markup {
  const { exposures, faults } = verdict
  if (exposures.length === 0) return html`<p>No fault landed.</p>`
  const landedAt = new Map(
    frame.events.flatMap((event) => (event.type === 'fault-confirmed' ? [[event.fault, event.atMs] as const] : [])),
  )
  return html`<p class="quiet">${faults.landed} of ${faults.landed + faults.missed} planned faults landed.</p>
    <div class="wide">
      <table>
        <tr>
          <th class="number">at</th>
          <th>fault</th>
          <th class="number">sessions open</th>
          <th class="number">used again</th>
          <th class="number">their acknowledged writes</th>
          <th class="number">users within 1 s</th>
          <th class="number">in flight</th>
        </tr>
        ${exposures.map(
          ({ fault, kind, target, sessions, returned, writes, users, inFlight }) =>
            html`<tr>
              <td class="number">${secondsText(landedAt.get(fault) ?? 0)}</td>
              <td>${kind} of ${target}</td>
              <td class="number">${sessions}</td>
              <td class="number">${returned}</td>
              <td class="number">${writes}</td>
              <td class="number">${users}</td>
              <td class="number">${inFlight}</td>
            </tr>`,
        )}
      </table>
    </div>`
}

function interleavingTable({ verdict }: RunReport): Markup {
  return html`<table>
    <tr>
      <th class="number">times</th>
      <th>what happened</th>
      <th>name</th>
    </tr>
    ${verdict.interleavings.map(
      ({ name, times, isRequired }) =>
        html`<tr>
          <td class="number">${times}</td>
          <td>${INTERLEAVINGS[name]}${isRequired ? ', which the run requires' : ''}</td>
          <td><code>${name}</code></td>
        </tr>`,
    )}
  </table>`
}
