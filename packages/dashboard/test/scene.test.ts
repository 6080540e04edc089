import test from 'ava'
import { commandOf } from '../src/page/scene/scene.ts'

const scene = { strategy: 'sticky', nodes: 3, users: 30, tabs: 1, rate: 60, seed: 7, edges: false, faults: [] }

test('a scene has the command that starts it', (t) => {
  t.is(commandOf(scene), 'npm start -- --strategy sticky --nodes 3 --users 30 --rate 60 --seed 7')
})

test('a name from a recording is one word to a shell, whatever is in it', (t) => {
  t.regex(commandOf({ ...scene, strategy: "x; echo 'y' | sh" }), /--strategy 'x; echo '\\''y'\\'' \| sh' --nodes/)
})
