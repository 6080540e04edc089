process.env['TRANSPORT'] = 'undici'
await import('../expectation.test.ts')
