process.env['TRANSPORT'] = 'undici'
await import('../answer-header.test.ts')
