import test from 'ava'
import { failoverMatrix } from '../fixtures/nodes/failover-matrix.ts'

failoverMatrix(test, { TRANSPORT: 'undici' })
