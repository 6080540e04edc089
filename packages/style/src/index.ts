/** The stylesheet that every page of the project begins with. */
import { readFileSync } from 'node:fs'

export const tokensCss: Buffer = readFileSync(new URL('tokens.css', import.meta.url))
