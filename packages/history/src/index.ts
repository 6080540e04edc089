export const pending = 'history'
