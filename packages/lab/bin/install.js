import { ensureInstalled } from './ensure-installed.js'

ensureInstalled()
