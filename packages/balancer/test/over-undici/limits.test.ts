process.env['TRANSPORT'] = 'undici'
await import('../hostile/limits.test.ts')
