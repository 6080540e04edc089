export const pending = 'balancer'
