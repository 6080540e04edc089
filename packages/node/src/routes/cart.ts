/** The logged-in user's cart. It is changed by `update`, so that concurrent changes of two tabs are both kept. */
import type Router from '@koa/router'
import type Koa from 'koa'
import { fields, jsonBody } from '../request/body.ts'
import { addTo, type Cart, checkedQuantity, checkedSku, itemsOf, removeFrom } from '../shop/cart.ts'
import type { RequestState } from '../request.ts'
import { assertStill, loggedIn, shopFields } from '../shop/visitor.ts'

export interface CartOptions {
  readonly node: string
  readonly once: Koa.Middleware
}

export function cartRoutes(router: Router<RequestState>, { node, once }: CartOptions): void {
  router.get('/api/cart', (ctx) => {
    const { session, user } = loggedIn(ctx)
    ctx.body = shown(user, shopFields(session).cart, ctx.sessionInfo?.version)
  })

  router.post('/api/cart', jsonBody(), once, async (ctx) => {
    loggedIn(ctx)
    const body = fields(ctx.request.body)
    const sku = checkedSku(body['sku'])
    const quantity = checkedQuantity(body['quantity'])
    await changeCart(ctx, (cart) => addTo(cart, sku, quantity))
  })

  router.delete('/api/cart/:sku', once, async (ctx) => {
    loggedIn(ctx)
    const sku = checkedSku(ctx.params['sku'])
    await changeCart(ctx, (cart) => removeFrom(cart, sku))
  })

  async function changeCart(ctx: Koa.Context, change: (cart: Cart) => void): Promise<void> {
    const { session, user } = loggedIn(ctx)
    // Returns nothing: the result of an update is stored with its idempotency key, and a cart is too large for that.
    const put = (draft: Record<string, unknown>): void => {
      assertStill(user, shopFields(draft))
      change((shopFields(draft).cart ??= {}))
    }
    await session.update('cart', put, {
      answer: (stored, { version }) => shown(user, shopFields(stored).cart, version),
    })
  }

  function shown(user: string, cart: Cart | undefined, version: number | undefined): object {
    return { user, items: itemsOf(cart), node, version }
  }
}
