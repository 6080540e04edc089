export const pending = 'dashboard'
