/** The command line. Small on purpose: what is compiled once is kept, and this must run before anything is compiled. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../../../node_modules/.cache/compiled', import.meta.url)))
const { main } = await import('./cli/main.ts')
process.exit(await main(process.argv.slice(2)))
