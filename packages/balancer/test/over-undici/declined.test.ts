process.env['TRANSPORT'] = 'undici'
await import('../declined.test.ts')
