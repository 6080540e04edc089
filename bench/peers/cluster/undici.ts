/** Our balancer over its other transport. */
process.env['TRANSPORT'] = 'undici'
await import('@ninelives/balancer/main')
