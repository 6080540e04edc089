/** The settings of each store's URL, asked of `openStore` itself: what it refuses, it refuses with a list of what it takes. */
import { openStore } from '@ninelives/sessions'
import { code, page, table } from './markdown.ts'

interface Form {
  readonly title: string
  /** What is written in the page. */
  readonly forms: readonly string[]
  /** A URL without settings that the scheme takes, for questions. */
  readonly asked: string
  readonly page: string
}

const FORMS: readonly Form[] = [
  { title: 'memory', forms: ['memory:'], asked: 'memory:', page: 'memory.md' },
  {
    title: 'replicated and clustered',
    forms: [
      'replicated:?name=a&peers=a=HOST:PORT,b=HOST:PORT',
      'clustered:?copies=2&name=a&peers=…',
      'replicated:?name=a&names=a,b,c&dns=nodes:7000',
      'replicated:?name=a&members=a,b,c&names=a,b,c,d,e&dns=nodes:7000',
    ],
    asked: 'clustered:',
    page: 'replicated.md',
  },
  {
    title: 'Redis, one server',
    forms: ['redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]'],
    asked: 'redis://h',
    page: 'redis.md',
  },
  {
    title: 'Redis behind Sentinels',
    forms: ['redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]/MASTER[/DATABASE]'],
    asked: 'redis+sentinel://h/m',
    page: 'redis.md',
  },
  {
    title: 'Redis Cluster',
    forms: ['redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]'],
    asked: 'redis+cluster://h',
    page: 'redis.md',
  },
  {
    title: 'Redis over TLS',
    forms: ['rediss://…', 'rediss+sentinel://…', 'rediss+cluster://…'],
    asked: 'rediss+sentinel://h/m',
    page: 'redis.md',
  },
  { title: 'SQLite', forms: ['sqlite:PATH'], asked: 'sqlite:/nonexistent/s.db', page: 'database.md' },
  {
    title: 'PostgreSQL',
    forms: ['postgres://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]]/DATABASE'],
    asked: 'postgres://h/d',
    page: 'database.md',
  },
  {
    title: 'MySQL and MariaDB',
    forms: ['mysql://[USER:PASSWORD@]HOST[:PORT]/DATABASE', 'mariadb://…'],
    asked: 'mysql://h/d',
    page: 'database.md',
  },
  {
    title: 'Memcached',
    forms: ['memcached://HOST[:PORT][,HOST[:PORT]]'],
    asked: 'memcached://h',
    page: 'memcached.md',
  },
  {
    title: 'Memcached over TLS',
    forms: ['memcacheds://HOST[:PORT][,HOST[:PORT]]'],
    asked: 'memcacheds://h',
    page: 'memcached.md',
  },
  { title: 'token', forms: ['token:?revocations=URL'], asked: 'token:', page: 'token.md' },
  { title: 'hybrid', forms: ['hybrid:?over=URL'], asked: 'hybrid:', page: 'hybrid.md' },
  {
    title: 'moving',
    forms: ['moving:?step=ready&from=URL&to=URL'],
    asked: 'moving:',
    page: '../../packages/sessions/SCALE.md#moving-without-logging-users-out',
  },
]

export async function storeUrlsPage(): Promise<string> {
  const sections = await Promise.all(FORMS.map(async (form) => await section(form)))
  return page(
    'URL forms of the stores',
    "What `openStore(url)`, `STORE` of a node and `--store` of the lab take. In a setting whose value is itself a URL, `&` is written `%26`; in a secret, too. A percent escape is decoded, a plus stays a plus. What a store does with a setting, and its default, is on the store's page.",
    ...sections,
    `## Any store with a mirror\n\n${code('URL?mirror=URL')} or ${code('URL?…&mirror=URL')}: a second store that gets copies. [Its page](../stores/mirror.md).`,
    `## A module of yours\n\n${code('./my-store.ts')}, ${code('../my-store.js?size=3')} or ${code('/srv/my-store.js')}: a path that begins with ${code('./')}, ${code('../')} or ${code('/')}. Its default export gets the URL and makes the store. [How to add a store](../how-to/add-a-store.md).`,
  )
}

async function section({ title, forms, asked, page: of }: Form): Promise<string> {
  const names = await settingsOf(asked)
  const rows = await Promise.all(names.map(async (name) => [code(name), await takenBy(asked, name)]))
  const target = of.startsWith('..') ? of : `../stores/${of}`
  return `## ${title}\n\n${forms.map((form) => code(form)).join('<br>')}\n\n${table(['setting', 'takes'], rows)}\n\n[Its page](${target}).`
}

async function settingsOf(url: string): Promise<string[]> {
  const refusal = await refusalOf(`${url}?~=1`)
  const [, listed] = /, and takes (.+)$/.exec(refusal) ?? []
  if (listed === undefined) throw new Error(`openStore('${url}?~=1') should list the settings, and says: ${refusal}`)
  return listed.split(', ')
}

/** An empty value is taken by none but by texts that may be anything. */
async function takenBy(url: string, name: string): Promise<string> {
  const refusal = await refusalOf(`${url}?${name}=`)
  return new RegExp(`^${name} in the store's URL is .*?, and takes (.+)$`).exec(refusal)?.[1] ?? 'a text'
}

async function refusalOf(url: string): Promise<string> {
  try {
    await openStore(url)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
