process.env['TRANSPORT'] = 'undici'
await import('../hostile/desync.test.ts')
