import { ensureInstalled } from './ensure-installed.js'

await ensureInstalled()
