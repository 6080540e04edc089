process.env['TRANSPORT'] = 'undici'
await import('../request/passing.test.ts')
