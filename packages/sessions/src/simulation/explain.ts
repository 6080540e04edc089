/** A failing seed for a person: the shortest script that still fails, and what goes wrong. */
import { engine } from './engine.ts'
import { type Fault, type Move, type Operation, type Script, script, type ScriptOptions } from './world/script.ts'
import { shrink } from './shrink.ts'
import { simulate } from './simulate.ts'

export interface ExplainOptions extends ScriptOptions {
  readonly variant?: string | undefined
}

/** Undefined when the seed does not fail. */
export async function explain(seed: number, options: ExplainOptions = {}): Promise<string | undefined> {
  const makePeer = await engine(options.variant)
  const whole = script(seed, options)
  const fails = (candidate: Script): boolean => simulate(candidate, makePeer).violations.length > 0
  if (!fails(whole)) return undefined
  const short = shrink(whole, fails)
  const { faults, moves, operations, nodes, founders, copies, startsMs, isBrutal, foundMs, awakeMs } = short
  return [
    `seed ${seed}: ${nodes} nodes${founders === undefined ? '' : `, of which ${founders} found the mesh`}, copies ${copies}, started at ${startsMs.join(', ')} ms, awake for ${awakeMs} ms${isBrutal ? ', brutal' : ''}` +
      (foundMs === Infinity ? '' : `, a majority founds a mesh after ${foundMs} ms`),
    `${whole.faults.length} faults and ${whole.operations.length} operations, cut down to ${faults.length} and ${operations.length}:`,
    ...[...faults.map(toldFault), ...moves.map(toldMove), ...operations.map(toldOperation)].map((line) => `  ${line}`),
    'what comes of it:',
    ...simulate(short, makePeer)
      .report()
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n')
}

function toldFault(fault: Fault): string {
  const { kind, atMs, ...rest } = fault
  return `${atMs} ms ${kind} ${JSON.stringify(rest)}`
}

function toldMove({ atMs, change, node, asked }: Move): string {
  return `${atMs} ms n${asked} is asked to ${change} n${node}`
}

function toldOperation({ id, atMs, client, node, key, verb, ack }: Operation): string {
  return `${atMs} ms #${id} client ${client} asks n${node} to ${verb} key ${key}${verb === 'write' || verb === 'destroy' ? ` (${ack})` : ''}`
}
