export { type Atlas, ATLAS_SCHEMA, LEGEND, textOf } from './atlas/chart.ts'
export {
  choiceFlag,
  type Flag,
  flagsHelp,
  type FlagValues,
  integerFlag,
  listed,
  parseFlags,
  switchFlag,
  textFlag,
} from './cli/command/flags.ts'
export { campaign } from './campaign/campaign.ts'
export { labBreaker } from './campaign/lab-breaker.ts'
export { isFailover, placeOf } from './campaign/place.ts'
export { planProblem } from './campaign/plan-problem.ts'
export { needsEdges, parsePlanned } from './campaign/planned.ts'
export { TraceFile } from './cli/command/trace-file.ts'
export { reportOf } from './cli/prove/check.ts'
export { lastLook } from './cli/prove/last-look.ts'
export { type Choice, chooseStore } from './cluster/choose-store.ts'
export type { ClusterOptions } from './cluster/options.ts'
export { ownPrograms, type Programs } from './cluster/programs.ts'
export { findOnPath } from './cluster/servers/find-program.ts'
export { findServer } from './cluster/servers/index.ts'
export { readConfig } from './config.ts'
export { requireRoom, RUN_BYTES } from './disk-room.ts'
export * from './errors.ts'
export { CRASH_POINTS } from './faults/contract/fault-detail.ts'
export { httpGet } from './http-get.ts'
export { type Lab, type LabOptions, openLab } from './lab.ts'
export { makeDirectory } from './make-directory.ts'
export { seededRandom } from './random.ts'
export { type Database, findStrategy, strategies, type Strategy } from './strategies.ts'
export { STYLE as RUN_STYLE } from './report/style.ts'
export type { RunReport } from './report/run-report.ts'
export { spaceTime } from './report/space-time.ts'
export { embeddedJson, escaped, html, Markup, trusted } from './report/markup.ts'
export { freePort, freePorts } from './supervise/ports.ts'
export type { Trace } from './trace/trace.ts'
export { wrapped } from './terminal/wrapped.ts'
export { type Call, Client, type Reply } from './users/client.ts'
export { CookieJar } from './users/cookie-jar.ts'
export { type OperationEvent, Recorder } from './users/recorder.ts'
export { VirtualUser } from './users/virtual-user.ts'
export { until, type Wait } from './wait.ts'
