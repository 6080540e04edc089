process.env['TRANSPORT'] = 'undici'
await import('../failover/stale-connection.test.ts')
