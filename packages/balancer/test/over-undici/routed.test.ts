process.env['TRANSPORT'] = 'undici'
await import('../routed.test.ts')
