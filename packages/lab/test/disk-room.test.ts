import test from 'ava'
import { requireRoom } from '../src/disk-room.ts'
import { LabError } from '../src/errors.ts'

test('a disk without room for a trace is told before the run, with what is left', (t) => {
  t.notThrows(() => requireRoom('/tmp', 1, 'name another'))
  t.throws(() => requireRoom('/tmp', 2 ** 60, 'name another'), {
    instanceOf: LabError,
    code: 'NO_ROOM',
    message: /^\/tmp has [\d,]+ MB left on its disk, and the trace of a run may need 1,099,511,627,776: name another$/,
  })
})
