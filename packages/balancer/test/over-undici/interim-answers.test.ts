process.env['TRANSPORT'] = 'undici'
await import('../interim-answers.test.ts')
