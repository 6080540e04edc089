/** The entry of the command line. It turns on the compile cache, which must happen before other modules are loaded. */
import { enableCompileCache } from 'node:module'
import { compileCache } from './run-directory.ts'

enableCompileCache(compileCache)
const { main } = await import('./cli/main.ts')
process.exit(await main(process.argv.slice(2)))
