import { type ClusterState, count } from '@ninelives/history'
import { type Death, drawChart } from './chart.ts'
import { byId, element, setText } from './dom.ts'

interface Tile {
  readonly className: string
  readonly name: string
  readonly value: (users: ClusterState['users']) => string
  readonly bad: (users: ClusterState['users']) => boolean
}

const tiles: readonly Tile[] = [
  {
    className: 'sent',
    name: 'operations',
    value: ({ totals }) => totals.sent.toLocaleString('en-US'),
    bad: () => false,
  },
  {
    className: 'failed',
    name: 'failed',
    value: ({ totals }) => totals.errors.toLocaleString('en-US'),
    bad: ({ totals }) => totals.errors > 0,
  },
  {
    className: 'logged-out',
    name: 'logged out',
    value: ({ totals }) => totals.loggedOut.toLocaleString('en-US'),
    bad: ({ totals }) => totals.loggedOut > 0,
  },
  {
    className: 'lost',
    name: 'items lost',
    value: ({ totals }) => totals.lost.toLocaleString('en-US'),
    bad: ({ totals }) => totals.lost > 0,
  },
  {
    className: 'intact',
    name: 'carts intact',
    value: ({ intact, all }) => `${intact}/${all}`,
    bad: ({ intact, all }) => intact < all,
  },
  {
    className: 'p99',
    name: 'p99',
    value: ({ recent }) => `${(recent.at(-1)?.p99Ms ?? 0).toFixed(0)} ms`,
    bad: () => false,
  },
]

const shown = new Map<Tile, { root: HTMLElement; value: HTMLElement }>()

/** The virtual users' totals, and a chart of the last minute. Hidden if there are no users. */
export function showUsers({ users, atMs }: ClusterState, deaths: readonly Death[]): void {
  byId('users', HTMLElement).hidden = users.all === 0
  if (users.all === 0) return
  for (const tile of tiles) {
    const { root, value } = shown.get(tile) ?? addTile(tile)
    setText(value, tile.value(users))
    root.classList.toggle('bad', tile.bad(users))
  }
  drawChart(byId('chart', SVGSVGElement), users.recent, deaths, atMs)
  setText(byId('chart-text', HTMLElement), describe(users))
}

function addTile(tile: Tile): { root: HTMLElement; value: HTMLElement } {
  const value = element('dd', '')
  const root = element('div', tile.className, element('dt', '', tile.name), value)
  const made = { root, value }
  shown.set(tile, made)
  byId('tiles', HTMLElement).append(root)
  return made
}

function describe({ recent }: ClusterState['users']): string {
  const total = (pick: (second: (typeof recent)[number]) => number): number =>
    recent.reduce((sum, second) => sum + pick(second), 0)
  return [
    `Last ${count(recent.length, 'second')}: ${total(({ ok }) => ok)} ok`,
    `${total(({ errors }) => errors)} failed`,
    `${total(({ loggedOut }) => loggedOut)} logged out`,
    `${count(
      total(({ lost }) => lost),
      'item',
    )} lost`,
  ].join(', ')
}
