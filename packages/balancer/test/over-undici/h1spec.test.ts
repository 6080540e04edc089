process.env['TRANSPORT'] = 'undici'
await import('../hostile/h1spec.test.ts')
