process.env['TRANSPORT'] = 'undici'
await import('../request/expectation.test.ts')
