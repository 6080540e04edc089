process.env['TRANSPORT'] = 'undici'
await import('../failover/replay.test.ts')
