/** A TypeScript application of the kind with `require`. */
import type { SessionStore } from '@ninelives/sessions'
import sessionLayer = require('@ninelives/sessions')
import history = require('@ninelives/history')
import balancer = require('@ninelives/balancer')

export const open = (url: string): Promise<SessionStore> => sessionLayer.openStore(url)
export const { judge } = history
export const { readConfig } = balancer
