process.env['TRANSPORT'] = 'undici'
await import('../limits.test.ts')
