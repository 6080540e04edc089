/** The process of the shoppers, so that what they cost is in no figure, and nothing else of the bench delays them. */
import { type Shoppers, shoppers, type ShoppersOptions, type Turn, type TurnResult } from './shoppers.ts'

export type Task = ({ readonly task: 'log-in' } & ShoppersOptions) | ({ readonly task: 'shop' } & Turn)

let crowd: Shoppers | undefined

process.on('disconnect', () => process.exit())
process.on('message', (task: Task) => {
  done(task).then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
process.send?.({})

async function done(task: Task): Promise<TurnResult | object> {
  if (task.task === 'log-in') {
    crowd = shoppers(task)
    await crowd.logIn()
    return {}
  }
  if (crowd === undefined) throw new Error('nobody has logged in yet')
  return await crowd.shop(task)
}
