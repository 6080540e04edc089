process.env['TRANSPORT'] = 'undici'
await import('../request/answer-header.test.ts')
