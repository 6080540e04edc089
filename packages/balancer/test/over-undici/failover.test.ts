process.env['TRANSPORT'] = 'undici'
await import('../failover.test.ts')
