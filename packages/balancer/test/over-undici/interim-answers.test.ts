process.env['TRANSPORT'] = 'undici'
await import('../request/interim-answers.test.ts')
