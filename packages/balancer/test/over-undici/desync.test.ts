process.env['TRANSPORT'] = 'undici'
await import('../desync.test.ts')
