process.env['TRANSPORT'] = 'undici'
await import('../failing-upstream.test.ts')
