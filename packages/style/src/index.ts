/** What every page of the project begins with. */
import { readFileSync } from 'node:fs'

export { browserModule } from './browser-module.ts'

export const tokensCss: Buffer = readFileSync(new URL('tokens.css', import.meta.url))
