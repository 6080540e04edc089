/** Our balancer over its other transport: nothing but its configuration differs. */
process.env['TRANSPORT'] = 'undici'
await import('@ninelives/balancer/main')
