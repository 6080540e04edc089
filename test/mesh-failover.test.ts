/**
 * Sessions in the nodes themselves, and the nodes dying one after the other, at random moments, under load: nobody is logged
 * out, nothing that was acknowledged is lost or doubled, no read goes back.
 */
import test from 'ava'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { crashOne, killOne, pauseOne, survives } from './support/deaths.ts'

test.serial('replicated, the default: nodes are killed', async (t) => {
  const lab = await runUp(t, '--users', '0')
  t.regex(lab.output.stdout, /Strategy +replicated/)
  await survives(t, lab, 1, killOne)
})

test.serial('replicated, two tabs a user: nodes are killed', async (t) => {
  await survives(t, await runUp(t, '--users', '0'), 2, killOne)
})

test.serial('replicated: nodes are paused', async (t) => {
  await survives(t, await runUp(t, '--users', '0'), 1, pauseOne)
})

test.serial('clustered, five nodes, two tabs a user: nodes are killed', async (t) => {
  await survives(t, await runUp(t, '--strategy', 'clustered', '--nodes', '5', '--users', '0'), 2, killOne)
})

test.serial('replicated: nodes die after the commit, before the answer', async (t) => {
  await survives(t, await runUp(t, '--users', '0'), 1, crashOne('after-commit'))
})

test.serial('replicated: nodes die before the commit', async (t) => {
  await survives(t, await runUp(t, '--users', '0'), 1, crashOne('before-commit'))
})
