process.env['TRANSPORT'] = 'undici'
await import('../routing/routed.test.ts')
