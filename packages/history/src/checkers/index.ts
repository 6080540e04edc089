import { amnesia } from './amnesia.ts'
import { backInTime } from './back-in-time.ts'
import type { Checker } from './checker.ts'
import { copiesDiffer } from './copies-differ.ts'
import { doubledMove } from './doubled-move.ts'
import { duplicate } from './duplicate.ts'
import { earlyExpiry } from './early-expiry.ts'
import { fixation } from './fixation.ts'
import { flappingSession } from './flapping-session.ts'
import { hole } from './hole.ts'
import { lateExpiry } from './late-expiry.ts'
import { leak } from './leak.ts'
import { lostMove } from './lost-move.ts'
import { lostSession } from './lost-session.ts'
import { lostUpdate } from './lost-update.ts'
import { lostWrite } from './lost-write.ts'
import { outlivedSocket } from './outlived-socket.ts'
import { phantom } from './phantom.ts'
import { resurrection } from './resurrection.ts'
import { staleRead } from './stale-read.ts'
import { visibleThoughFailed } from './visible-though-failed.ts'

export const checkers: readonly Checker[] = [
  leak,
  fixation,
  resurrection,
  lostSession,
  amnesia,
  lostWrite,
  lostMove,
  lostUpdate,
  visibleThoughFailed,
  duplicate,
  doubledMove,
  phantom,
  flappingSession,
  backInTime,
  hole,
  staleRead,
  earlyExpiry,
  lateExpiry,
  outlivedSocket,
  copiesDiffer,
]
