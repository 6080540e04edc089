process.env['TRANSPORT'] = 'undici'
await import('../poison-request.test.ts')
