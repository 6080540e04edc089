import { redisKind } from './support/promised-stores.ts'
import { testPromises } from './support/promises.ts'

testPromises(redisKind)
