/** The process of the virtual users. Under the lab: it reports over the channel, and ends with the lab. */
import { startLoad } from './load.ts'

const [target = '', users, rate, seed] = process.argv.slice(2)

process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => process.exit(0))

startLoad({
  target: new URL(target),
  users: Number(users),
  rate: Number(rate),
  seed: Number(seed),
  onSecond: (second) => process.send?.(second),
})
process.send?.({ type: 'ready' })
