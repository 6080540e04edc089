process.env['TRANSPORT'] = 'undici'
await import('../passing.test.ts')
