/** Tells the lab which person's browser this node has answered. The shop's page names itself in the header `X-Visitor`. */
import type Koa from 'koa'
import { shopFields } from '../shop/visitor.ts'

export interface SeenVisitor {
  /** The same in all tabs of a browser. */
  readonly visitor: string
  /** Absent if the visitor is not logged in. */
  readonly user?: string
  /** This request ended the session. */
  readonly left: boolean
}

const VISITOR = /^[\w-]{8,36}$/
/** Reports a second; the others are left out, as the page asks again. */
const REPORTS_MAX = 50

export function seenVisitors(report: (seen: SeenVisitor) => void): Koa.Middleware {
  let second = 0
  let reports = 0
  return async (ctx, next) => {
    try {
      await next()
    } finally {
      const visitor = ctx.get('X-Visitor')
      const now = Math.floor(performance.now() / 1_000)
      if (now !== second) [second, reports] = [now, 0]
      if (VISITOR.test(visitor) && reports++ < REPORTS_MAX) {
        const user = ctx.session ? shopFields(ctx.session).user : undefined
        report({ visitor, left: ctx.session === null, ...(user === undefined ? {} : { user }) })
      }
    }
  }
}
