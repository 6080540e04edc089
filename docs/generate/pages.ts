/** Every page that is made from the source or from other pages, by its path. */
import { commandsPage } from './commands.ts'
import { controlApiPage } from './control-api.ts'
import { errorsPage } from './errors.ts'
import { licencesPage } from './licences.ts'
import { llmsPage } from './llms.ts'
import { metricsPage } from './metrics.ts'
import { optionsPage, typesPage } from './options.ts'
import { Source } from './source.ts'
import { storeUrlsPage } from './store-urls.ts'
import { tracePage } from './trace.ts'

export async function generated(): Promise<ReadonlyMap<string, string>> {
  const sessions = new Source('packages/sessions/src/**/*.ts')
  const history = new Source('packages/history/src/trace/*.ts')
  return new Map([
    ['docs/reference/options.md', optionsPage(sessions)],
    ['docs/reference/types.md', typesPage(sessions)],
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/commands.md', await commandsPage()],
    ['docs/reference/store-urls.md', await storeUrlsPage()],
    ['docs/reference/trace.md', tracePage(history)],
    ['docs/reference/control-api.md', controlApiPage()],
    ['docs/reference/licences.md', licencesPage()],
    ['llms.txt', llmsPage()],
  ])
}
