/** The subjects of the bench of the session layer. */
import { OURS, OURS_AGAIN } from '../harness/command/subject-figures.ts'
import type { RequestKind } from './load.ts'
import type { SubjectSpec } from './subject.ts'

export interface SessionSubject extends SubjectSpec {
  readonly title: string
  /** Packages whose versions go into the result. */
  readonly packages: readonly string[]
  /** Needs the packages of peers/. */
  readonly installed: boolean
  /** The most that ninelives over Redis should take of this subject's CPU. */
  readonly goal?: Readonly<Record<RequestKind, number>>
}

const ours = { file: 'ninelives.ts', packages: ['koa', 'koa-session', 'ioredis'], installed: false } as const

const database = { ...ours, packages: ['koa', 'koa-session'] }

const overPostgres = { ...ours, packages: ['koa', 'koa-session', 'pg'] }

/** Where there is one to measure: `DATABASE_URL=postgres://... npm run bench:sessions`. */
const postgres: readonly SessionSubject[] = process.env['DATABASE_URL']?.startsWith('postgres')
  ? [
      { name: 'ninelives-postgres', title: 'ninelives, PostgreSQL', store: 'postgres', ...overPostgres },
      {
        name: 'ninelives-postgres-off',
        title: 'ninelives, PostgreSQL synchronousCommit=off',
        store: 'postgres-off',
        ...overPostgres,
      },
    ]
  : []

const token = { ...ours, packages: ['koa', 'koa-session', 'jose', 'lru-cache'] } as const

export const SUBJECTS: readonly SessionSubject[] = [
  { name: OURS, title: 'ninelives, Redis', store: 'redis', ...ours },
  { name: OURS_AGAIN, title: 'ninelives, Redis (A/A)', store: 'redis', ...ours },
  { name: 'ninelives-sqlite', title: 'ninelives, SQLite NORMAL', store: 'sqlite', ...database },
  { name: 'ninelives-sqlite-full', title: 'ninelives, SQLite FULL', store: 'sqlite-full', ...database },
  ...postgres,
  { name: 'ninelives-memory', title: 'ninelives, memory', store: 'memory', ...ours },
  { name: 'ninelives-token', title: 'ninelives, cookie', store: 'token', ...token },
  { name: 'ninelives-token-unknown', title: 'ninelives, cookie not opened before', store: 'token-unknown', ...token },
  { name: 'ninelives-hybrid', title: 'ninelives, hybrid over Redis', store: 'hybrid', ...ours },
  {
    name: 'ten-line-store',
    title: 'koa-session, ten-line store',
    file: 'ten-line-store.ts',
    store: 'redis',
    packages: ['koa', 'koa-session', 'ioredis'],
    installed: false,
    goal: { read: 0.7, write: 0.95 },
  },
  {
    name: 'koa-redis',
    title: 'koa-session, koa-redis',
    file: 'koa-redis.ts',
    store: 'redis',
    packages: ['koa', 'koa-session', 'koa-redis'],
    installed: true,
  },
  {
    name: 'express-session',
    title: 'express-session, connect-redis',
    file: 'express-session.ts',
    store: 'redis',
    packages: ['express', 'express-session', 'connect-redis', 'redis'],
    installed: true,
    goal: { read: 1 / 1.6, write: 1 / 1.15 },
  },
  {
    name: 'fastify-session',
    title: '@fastify/session, connect-redis',
    file: 'fastify-session.ts',
    store: 'redis',
    packages: ['fastify', '@fastify/session', 'connect-redis', 'redis'],
    installed: true,
  },
]
