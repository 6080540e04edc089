export const pending = 'lab'
