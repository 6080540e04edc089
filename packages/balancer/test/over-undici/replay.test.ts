process.env['TRANSPORT'] = 'undici'
await import('../replay.test.ts')
