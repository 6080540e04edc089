process.env['TRANSPORT'] = 'undici'
await import('../request/leaving-client.test.ts')
