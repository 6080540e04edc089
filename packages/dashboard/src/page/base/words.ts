/** The page's words in English and Korean. `{name}` is filled in; a part between asterisks is a figure that is set in bold. */
import type { NodeLife } from '@ninelives/history'

const en = {
  title: 'ninelives: a live cluster',
  live: 'live',
  connecting: 'connecting to the lab',
  gone: 'The lab does not answer. What you see is its last state; the page goes on by itself when it is back.',
  ended: 'This run has ended. What you see is its last state.',
  starting: 'The cluster is starting.',
  openShop: 'Open the shop',
  language: 'Language',
  keys: 'Keys and commands',
  balancer: 'Balancer',
  'routing-round-robin': 'takes turns',
  'routing-affinity': 'keeps each user on one node',
  'routing-session-id': "sends each session to its owner's node",
  perSecond: '{n}/s',
  node: 'Node {name}',
  users: '{n} users',
  store: 'Store',
  storeMesh: 'Nodes copy every session to each other',
  storeMemory: "Each node's own memory. Nothing is shared.",
  storeFile: 'A database file, on disk',
  storeToken: "Each user's own cookie",
  outTray: 'Logged out',
  awayTray: 'Between visits',
  kill: 'Kill',
  pause: 'Pause',
  drain: 'Drain',
  start: 'Start',
  heal: 'Resume',
  killNode: 'Kill node {name}, key {key}',
  act: '{action} node {name}',
  more: 'More faults',

  up: 'up',
  startingNode: 'starting',
  paused: 'paused',
  draining: 'draining',
  down: 'down',
  waitingForTraffic: 'up, no traffic yet',
  since: 'for {time}',
  deaths: 'deaths',
  downtime: 'down in all',
  held: 'sessions in memory',
  noneHeld: 'none',
  share: 'of answers',
  decision: 'Balancer',
  ejected: 'takes no requests since {time}: {reason}',
  readmitted: 'gets requests again since {time}',
  'draining-decision': 'gets nothing new since {time}, as it is leaving',
  noDecision: 'gets requests',

  secondsAgo: '{n} s',
  minutesAgo: '{n} min',
  hoursAgo: '{n} h',

  killed: 'Node {target} was killed {time} ago.',
  died: 'Node {target} died {time} ago.',
  drained: 'Node {target} was asked to leave {time} ago.',
  pausedIncident: 'Node {target} was paused {time} ago.',
  'store-down': 'The store died {time} ago.',
  'balancer-down': 'The balancer died {time} ago.',
  fault: '{kind} hit {target} {time} ago.',
  onIt: '{n} users were on it:',
  oneOnIt: '1 user was on it:',
  nobodyOn: 'No logged-in user was on it.',
  unnoticed: '*{n}* noticed nothing',
  waiting: '*{n}* have done nothing since',
  slow: '*{n}* waited more than a second',
  failed: '*{n}* met an error',
  lost: '*{n}* lost part of the cart',
  out: '*{n}* were logged out',
  'unnoticed-end': '*{n}* noticed nothing',
  'waiting-end': '*{n}* have done nothing since',
  'slow-end': '*{n}* waited more than a second',
  'failed-end': '*{n}* met an error',
  'lost-end': '*{n}* lost part of the cart',
  'out-end': '*{n}* were logged out',
  items: '*{n}* items are gone from their carts.',
  item: '*1* item is gone from a cart.',
  quiet: '*{serving}* nodes serve *{users}* users. Press *{key}* to kill node {name}.',
  quietOne: '*1* node serves *{users}* users. Press *{key}* to kill it.',
  noUsers: '*{serving}* nodes serve the shop, without virtual users. Press *{key}* to kill node {name}.',
  unprovoked: 'No node was killed, and yet *{n}* sessions are lost: each node knows only its own users.',
  allServe: 'All {all} nodes serve.',
  someServe: '{serving} of {all} nodes serve: {others}.',
  noneServe: 'No node serves: {others}. Every request waits, and fails if it waits too long.',
  lastOne: 'One more death, and none is left.',
  nodeIs: 'node {name} is {state}',

  'strategy-replicated': "Every node holds every session. A node's death costs no user anything.",
  'strategy-clustered': "Each session is on its owner and two backups. A node's death costs no user anything.",
  'strategy-memory': 'Each node keeps its own sessions, and the balancer takes turns: users are logged out at once.',
  'strategy-sticky': "Each session is in one node's memory, and a cookie leads back to it. A death logs its users out.",
  'strategy-redis':
    "Sessions are in Redis. A node's death costs no user anything; Redis' own death logs all of them out.",
  'strategy-memcached':
    "Sessions are in Memcached. A node's death costs no user anything; a full or restarted Memcached does.",
  'strategy-database': "Sessions are in a database on disk. A node's death costs no user anything.",
  'strategy-token':
    "Each session is encrypted in its user's cookie. Of two tabs that write at once, one loses its write.",
  'strategy-hybrid':
    "Sessions are in a store, with copies in the nodes' memory. A node's death costs no user anything.",

  legendOk: 'answered',
  legendFailed: 'failed',
  legendUnknown: 'no answer, perhaps applied',
  legendOut: 'logged out',
  tableTitle: 'The stage as a table',
  tableWhere: 'Where',
  tableUsers: 'Users',
  tableState: 'State',
  noScript: 'This page is live and needs JavaScript.',
  refused: 'The lab refused: {message}',
  labSilent: 'The lab does not answer.',
  stageTitle: 'The cluster',
  nodesTitle: 'Nodes',
  storyTitle: 'What happened',
  nothingYet: 'Nothing yet. Kill a node, and see who notices.',
}

export type Word = keyof typeof en

const ko: Readonly<Record<Word, string>> = {
  title: 'ninelives: 살아 있는 클러스터',
  live: '실시간',
  connecting: '랩에 연결하는 중',
  gone: '랩이 응답하지 않아요. 지금 보이는 것은 마지막 상태이고, 랩이 돌아오면 저절로 이어져요.',
  ended: '이 실행은 끝났어요. 지금 보이는 것은 마지막 상태예요.',
  starting: '클러스터가 시작되고 있어요.',
  openShop: '가게 열기',
  language: '언어',
  keys: '키와 명령',
  balancer: '로드 밸런서',
  'routing-round-robin': '노드에 차례로 보내요',
  'routing-affinity': '사용자마다 같은 노드로 보내요',
  'routing-session-id': '세션을 맡은 노드로 보내요',
  perSecond: '초당 {n}',
  node: '노드 {name}',
  users: '사용자 {n}명',
  store: '저장소',
  storeMesh: '노드끼리 모든 세션을 서로 복제해요',
  storeMemory: '노드마다 자기 메모리에만. 공유하지 않아요.',
  storeFile: '디스크의 데이터베이스 파일',
  storeToken: '사용자 자신의 쿠키',
  outTray: '로그아웃됨',
  awayTray: '방문 사이',
  kill: '죽이기',
  pause: '멈추기',
  drain: '내보내기',
  start: '시작',
  heal: '재개',
  killNode: '노드 {name} 죽이기, 키 {key}',
  act: '노드 {name} {action}',
  more: '다른 장애',

  up: '정상',
  startingNode: '시작 중',
  paused: '멈춤',
  draining: '나가는 중',
  down: '죽음',
  waitingForTraffic: '정상, 아직 요청 없음',
  since: '{time}째',
  deaths: '죽은 횟수',
  downtime: '죽어 있던 시간',
  held: '메모리의 세션',
  noneHeld: '없음',
  share: '응답 비율',
  decision: '밸런서',
  ejected: '{time} 전부터 보내지 않아요: {reason}',
  readmitted: '{time} 전부터 다시 보내요',
  'draining-decision': '나가는 중이라 {time} 전부터 새 요청을 보내지 않아요',
  noDecision: '요청을 보내요',

  secondsAgo: '{n}초',
  minutesAgo: '{n}분',
  hoursAgo: '{n}시간',

  killed: '{time} 전에 노드 {target}를 죽였어요.',
  died: '{time} 전에 노드 {target}가 죽었어요.',
  drained: '{time} 전에 노드 {target}를 내보냈어요.',
  pausedIncident: '{time} 전에 노드 {target}를 멈췄어요.',
  'store-down': '{time} 전에 저장소가 죽었어요.',
  'balancer-down': '{time} 전에 밸런서가 죽었어요.',
  fault: '{time} 전에 {target}에 {kind} 장애가 났어요.',
  onIt: '그 위에 있던 사용자 {n}명 중',
  oneOnIt: '그 위에 있던 사용자 1명 중',
  nobodyOn: '로그인한 사용자는 없었어요.',
  unnoticed: '*{n}*명은 아무것도 몰랐고',
  waiting: '*{n}*명은 아직 아무것도 하지 않았고',
  slow: '*{n}*명은 1초 넘게 기다렸고',
  failed: '*{n}*명은 오류를 만났고',
  lost: '*{n}*명은 장바구니 일부를 잃었고',
  out: '*{n}*명은 로그아웃되었고',
  'unnoticed-end': '*{n}*명은 아무것도 몰랐어요',
  'waiting-end': '*{n}*명은 아직 아무것도 하지 않았어요',
  'slow-end': '*{n}*명은 1초 넘게 기다렸어요',
  'failed-end': '*{n}*명은 오류를 만났어요',
  'lost-end': '*{n}*명은 장바구니 일부를 잃었어요',
  'out-end': '*{n}*명은 로그아웃되었어요',
  items: '장바구니에서 *{n}*개가 사라졌어요.',
  item: '장바구니에서 *1*개가 사라졌어요.',
  quiet: '노드 *{serving}*개가 사용자 *{users}*명을 맡고 있어요. *{key}* 키를 누르면 노드 {name}가 죽어요.',
  quietOne: '노드 *1*개가 사용자 *{users}*명을 맡고 있어요. *{key}* 키를 누르면 죽어요.',
  noUsers: '가상 사용자 없이 노드 *{serving}*개가 가게를 열고 있어요. *{key}* 키를 누르면 노드 {name}가 죽어요.',
  unprovoked: '죽은 노드가 없는데도 세션 *{n}*개를 잃었어요. 노드마다 자기 사용자만 알기 때문이에요.',
  allServe: '노드 {all}개가 모두 일하고 있어요.',
  someServe: '노드 {all}개 중 {serving}개가 일하고 있어요: {others}.',
  noneServe: '일하는 노드가 없어요: {others}. 모든 요청이 기다리고, 너무 오래 기다리면 실패해요.',
  lastOne: '하나만 더 죽으면 아무도 남지 않아요.',
  nodeIs: '노드 {name} {state}',

  'strategy-replicated': '모든 노드에 모든 세션이 있어요. 노드가 죽어도 사용자는 잃는 것이 없어요.',
  'strategy-clustered': '세션은 맡은 노드와 예비 노드 둘에 있어요. 노드가 죽어도 사용자는 잃는 것이 없어요.',
  'strategy-memory': '노드마다 자기 세션만 가진 채 차례로 응답해요. 사용자는 곧바로 로그아웃돼요.',
  'strategy-sticky': '세션은 한 노드의 메모리에 있고 쿠키가 그리로 데려가요. 노드가 죽으면 그 사용자들이 로그아웃돼요.',
  'strategy-redis': '세션은 Redis에 있어요. 노드가 죽어도 괜찮지만, Redis가 죽으면 모두 로그아웃돼요.',
  'strategy-memcached': '세션은 Memcached에 있어요. 노드가 죽어도 괜찮지만, Memcached가 가득 차거나 죽으면 잃어요.',
  'strategy-database': '세션은 디스크의 데이터베이스에 있어요. 노드가 죽어도 사용자는 잃는 것이 없어요.',
  'strategy-token': '세션은 암호화되어 사용자의 쿠키에 있어요. 두 탭이 동시에 쓰면 하나를 잃어요.',
  'strategy-hybrid': '세션은 저장소에 있고 노드 메모리에 사본이 있어요. 노드가 죽어도 사용자는 잃는 것이 없어요.',

  legendOk: '응답',
  legendFailed: '실패',
  legendUnknown: '응답 없음, 적용됐을 수 있음',
  legendOut: '로그아웃',
  tableTitle: '무대를 표로',
  tableWhere: '어디',
  tableUsers: '사용자',
  tableState: '상태',
  noScript: '이 페이지는 자바스크립트가 필요해요.',
  refused: '랩이 거절했어요: {message}',
  labSilent: '랩이 응답하지 않아요.',
  stageTitle: '클러스터',
  nodesTitle: '노드',
  storyTitle: '무슨 일이 있었나',
  nothingYet: '아직 아무 일도 없어요. 노드를 죽이고 누가 알아차리는지 보세요.',
}

const dictionary = { en, ko }
export type Language = keyof typeof dictionary
const REMEMBERED_AS = 'ninelives-language'

let language: Language = chosen()

function chosen(): Language {
  const wishes = [localStorage.getItem(REMEMBERED_AS) ?? '', ...navigator.languages]
  const found = wishes.map((wish) => wish.slice(0, 2)).find((wish) => Object.hasOwn(dictionary, wish))
  return (found ?? 'en') as Language
}

export function currentLanguage(): Language {
  return language
}

export function chooseLanguage(next: Language): void {
  language = next
  localStorage.setItem(REMEMBERED_AS, next)
}

export function word(name: Word, values: Readonly<Record<string, string | number>> = {}): string {
  return dictionary[language][name].replaceAll(/\{(\w+)\}/g, (_place, key: string) => {
    const value = values[key] ?? ''
    return typeof value === 'number' ? figure(value) : value
  })
}

export function isWord(name: string): name is Word {
  return Object.hasOwn(en, name)
}

export function figure(n: number): string {
  return n.toLocaleString(language)
}

/** 0.4 s, 12 s, 3 min. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return word('secondsAgo', { n: (Math.floor(seconds * 10) / 10).toFixed(1) })
  if (seconds < 120) return word('secondsAgo', { n: Math.floor(seconds) })
  return seconds < 7_200
    ? word('minutesAgo', { n: Math.floor(seconds / 60) })
    : word('hoursAgo', { n: Math.floor(seconds / 3_600) })
}

const lives: Readonly<Record<NodeLife, Word>> = {
  starting: 'startingNode',
  up: 'up',
  paused: 'paused',
  draining: 'draining',
  down: 'down',
}

export function lifeWord(life: NodeLife): string {
  return word(lives[life])
}
