import { tokensCss } from '@ninelives/style'

/** The style of the report of a run, in light and dark. */
export const STYLE = `${tokensCss.toString('utf8')}
:root { font: 16px/1.5 var(--font); background: var(--ground); color: var(--ink); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem clamp(0.75rem, 3vw, 2rem) 3rem; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.15rem; }
p { margin: 0.4rem 0; max-width: 46rem; }
.verdict { display: inline-block; padding: 0.1rem 0.7rem; border-radius: 0.5rem; color: var(--surface); }
.valid { background: var(--ok); }
.invalid { background: var(--failed); }
.unknown { background: var(--unknown); }
.quiet { color: var(--ink-soft); }
section.anomaly { margin: 1.5rem 0; padding: 1rem; background: var(--surface); border: 1px solid var(--edge); border-radius: 0.75rem; }
section.anomaly h3 { margin: 0; color: var(--failed); font-size: 1rem; }
.wide { overflow-x: auto; }
.wide svg { display: block; min-width: 44rem; width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--edge); }
th { color: var(--ink-soft); font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 0.9em var(--mono); overflow-wrap: anywhere; }
svg text:not([fill]) { font: 11px var(--font); fill: var(--ink); }
svg .quiet { fill: var(--ink-soft); }
svg .axis { stroke: var(--edge); }
svg .lane { stroke: var(--ink-soft); stroke-width: 1.5; }
svg .up { fill: var(--ok); opacity: 0.3; }
svg .down { fill: var(--failed); }
svg .paused { fill: var(--paused); }
svg .ok { fill: var(--ok); stroke: var(--ok); }
svg .failed { fill: var(--failed); stroke: var(--failed); }
svg .open { fill: var(--unknown); stroke: var(--unknown); }
svg .message { stroke-width: 1.2; fill: none; }
svg .fault { stroke: var(--unknown); stroke-dasharray: 3 2; }
svg .mark { fill: var(--unknown); }
`
