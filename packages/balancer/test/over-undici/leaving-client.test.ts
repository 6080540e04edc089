process.env['TRANSPORT'] = 'undici'
await import('../leaving-client.test.ts')
