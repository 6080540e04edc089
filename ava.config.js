import { LONG_TESTS } from './ava.long.config.js'

/** `npm test`: what every change runs. */
export default {
  // Files that are run side by side starve each other where the machine does other things as well.
  concurrency: process.env['CI'] === 'true' ? 2 : 3,
  extensions: ['ts'],
  files: [
    'packages/*/test/**/*.test.ts',
    'test/**/*.test.ts',
    'bench/test/**/*.test.ts',
    ...LONG_TESTS.map((file) => `!${file}`),
  ],
  timeout: '180s',
}
