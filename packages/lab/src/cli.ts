/** The entry of the command line. It turns on the compile cache, which must happen before other modules are loaded. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../../../node_modules/.cache/compiled', import.meta.url)))
const { main } = await import('./cli/main.ts')
process.exit(await main(process.argv.slice(2)))
