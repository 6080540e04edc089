/** What is installed with the packages, and under which licences: from the lock file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { code, page, table } from './markdown.ts'
import { ROOT } from './source.ts'

interface Locked {
  readonly license?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
  /** Of the workspace. */
  readonly link?: boolean
}

const FOLDER = 'node_modules/'

export function licencesPage(): string {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, Locked>>
  }
  const used = Object.entries(packages).filter(
    ([path, { dev, devOptional, link }]) =>
      path.startsWith(FOLDER) && dev !== true && devOptional !== true && link !== true,
  )
  const byLicence = Map.groupBy(used, ([, { license }]) => license ?? 'none is named')
  const names = (those: readonly (readonly [string, Locked])[]): string =>
    [...new Set(those.map(([path]) => path.slice(path.lastIndexOf(FOLDER) + FOLDER.length)))]
      .sort()
      .map((name) => code(name))
      .join(', ')
  const rows = [...byLicence].sort(([one], [other]) => one.localeCompare(other))
  return page(
    'Licences',
    'The packages are under the [MIT licence](../../LICENSE), which each tarball has with it. This is what npm installs with them, drivers and other ' +
      'optional packages included; each is installed from its own publisher, and none is bundled into a tarball.',
    table(
      ['licence', 'packages'],
      rows.map(([licence, those]) => [licence, names(those)]),
    ),
  )
}
