import test from 'ava'
import { failoverMatrix } from '../fixtures/failover-matrix.ts'

failoverMatrix(test, { TRANSPORT: 'http-proxy' })
