/** The promises on the other durable stores: three databases, and copies in memory over three stores. */
import { databaseKinds, hybridOver, redisKind } from './support/promised-stores.ts'
import { testPromises } from './support/promises.ts'

const [sqlite, postgres] = databaseKinds
for (const kind of [...databaseKinds, hybridOver(redisKind), hybridOver(sqlite), hybridOver(postgres)])
  testPromises(kind)
