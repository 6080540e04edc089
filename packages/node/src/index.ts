export const pending = 'node'
