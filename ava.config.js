import { LONG_TESTS } from './ava.long.config.js'

/** `npm test`: what every change runs. */
export default {
  concurrency: 3,
  extensions: ['ts'],
  files: [
    'packages/*/test/**/*.test.ts',
    'test/**/*.test.ts',
    'bench/test/**/*.test.ts',
    ...LONG_TESTS.map((file) => `!${file}`),
  ],
  timeout: '180s',
}
