process.env['TRANSPORT'] = 'undici'
await import('../hostile/desync-chunks.test.ts')
