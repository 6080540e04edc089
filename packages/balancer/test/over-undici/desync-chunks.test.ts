process.env['TRANSPORT'] = 'undici'
await import('../desync-chunks.test.ts')
