process.env['TRANSPORT'] = 'undici'
await import('../failover/failing-upstream.test.ts')
