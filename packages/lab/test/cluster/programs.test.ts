/** Which directory is another version, with packages of its own. */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { nodeProgramIn } from '../../src/cluster/programs.ts'
import { projectRoot } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'
import { otherTree } from '../fixtures/other-tree.ts'

test('a checkout with its own packages is one', (t) => {
  const directory = otherTree(t)
  t.is(nodeProgramIn(directory), path.join(directory, 'packages/node/src/main.ts'))
})

test('a directory that is not there, or has no node, is none', (t) => {
  t.throws(() => nodeProgramIn('/nowhere'), { message: /^--other-version \/nowhere: there is no such directory; give/ })
  t.throws(() => nodeProgramIn(scratch(t)), { message: /: it has no program of a node; give a checkout .* npm ci/ })
})

test("a checkout with another one's packages is none, as its nodes would be of that version", (t) => {
  const directory = scratch(t)
  cpSync(path.join(projectRoot, 'package.json'), path.join(directory, 'package.json'))
  symlinkSync(path.join(projectRoot, 'node_modules'), path.join(directory, 'node_modules'))
  t.throws(() => nodeProgramIn(directory), { message: /: its packages lead to .*packages\/node\/src\/main.ts; give/ })
  const half = otherTree(t)
  mkdirSync(path.join(half, 'packages/node/node_modules/@ninelives'), { recursive: true })
  symlinkSync(
    path.join(projectRoot, 'packages/sessions'),
    path.join(half, 'packages/node/node_modules/@ninelives/sessions'),
  )
  t.throws(() => nodeProgramIn(half), { message: /: its packages lead to .*packages\/sessions\/src\/index.ts; give/ })
})
