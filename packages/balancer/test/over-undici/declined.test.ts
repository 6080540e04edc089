process.env['TRANSPORT'] = 'undici'
await import('../failover/declined.test.ts')
