process.env['TRANSPORT'] = 'undici'
await import('../h1spec.test.ts')
