process.env['TRANSPORT'] = 'undici'
await import('../failover/failover.test.ts')
