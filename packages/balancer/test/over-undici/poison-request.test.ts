process.env['TRANSPORT'] = 'undici'
await import('../failover/poison-request.test.ts')
