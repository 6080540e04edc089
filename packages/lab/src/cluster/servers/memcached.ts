import { LOOPBACK } from '../../supervise/ports.ts'
import { askLines } from './ask-lines.ts'
import { findOnPath } from './find-program.ts'
import type { ServerKind } from './server-kind.ts'

const MEMORY_MB = '64'

export const memcached: ServerKind = {
  name: 'memcached',
  title: 'Memcached',
  install: 'install memcached (apt-get install memcached, brew install memcached)',
  variable: 'MEMCACHED_URL=memcached://HOST:PORT',
  find: (searchPath) => findOnPath('memcached', searchPath),
  url: (port) => `memcached://${LOOPBACK}:${port}`,

  command({ program, port }) {
    // It refuses to run as root unless another user is named.
    const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    return [program, '-l', LOOPBACK, '-p', String(port), '-U', '0', '-m', MEMORY_MB, ...asOther]
  },

  answers: async (port) => (await askLines(port, ['version'])).startsWith('VERSION'),

  replication: { because: 'Memcached has no replicas' },

  fullDisk: { because: 'Memcached has nothing on disk' },
  power: { because: 'Memcached has nothing on disk: a kill does the same' },
  durabilities: [],
  eviction: { because: 'The memory of Memcached is fixed at its start, and filling it takes minutes' },

  amnesia: {
    async forget(port, mark) {
      const answer = await askLines(port, [`set ${keyOf(mark)} 0 0 1`, '1', 'flush_all'])
      return answer.endsWith('OK')
    },
    isForgotten: async (port, mark) => (await askLines(port, [`get ${keyOf(mark)}`])) === 'END',
  },
}

function keyOf(mark: string): string {
  return `ninelives:lab:${mark}`
}
