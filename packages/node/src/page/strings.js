/** The page's texts in each of its languages. `translated` fills in `{name}`. */

const en = {
  price: '{won} won',
  tagline: 'goods for cats with plans',
  language: 'Language',
  logout: 'Log out',
  greeting: 'Hello, {name}',
  retry: 'Try again',
  shelfTitle: 'The shelf',
  shelfText: 'Log in, fill a cart, and see which node answers you.',
  shelfTextShared: 'Log in, fill a cart, then kill the node that answers you. The cart should not notice.',
  shelfTextSticky:
    'Log in, fill a cart, then kill the node that answers you. With the strategy sticky your login and your cart are in that node alone, and go with it.',
  shelfTextMemory:
    'Log in, and fill a cart. With the strategy memory each node keeps its own sessions, so the next node that answers does not know you.',
  add: 'Add to cart',
  loginTitle: 'Log in',
  loginHint:
    'The shop is in Seoul: its prices are in Korean won. Every demo customer is called user-0, user-1, … with the password password-0, password-1, …',
  name: 'Name',
  password: 'Password',
  login: 'Log in',
  wrongCredentials: 'There is no account with this name and this password.',
  missingCredentials: 'Enter a name and a password.',
  cartTitle: 'Your cart',
  cartLink: 'Your cart: {n}',
  cartEmpty: 'Still empty. The box is a good start.',
  cartMore: 'and {count} more',
  remove: 'Remove',
  total: 'Total',
  answerTitle: 'Who answered',
  live: 'Keep asking',
  answeredBy: 'Node {node} answered last.',
  notAnswered: 'No node answered the last request.',
  nobodyYet: 'No node has answered yet.',
  stripLabel: 'The last 20 answers, newest at the end',
  answeredCell: 'node {node}',
  failedCell: 'failed',
  version: 'Session version',
  age: 'Session age',
  expires: 'Session ends in',
  versionHint:
    'The session version counts the changes of your session. It never goes back where the nodes share their sessions.',
  counterHint: 'A number in your session: each press adds one.',
  counterHintShared: 'A number in your session: each press adds one exactly once, also when a node dies meanwhile.',
  kill: 'Kill node {node}',
  killAny: 'Kill the node',
  livePage: 'Live page',
  watch: 'See yourself on the live page',
  killed: 'Node {node} is being killed.',
  survived:
    'Node {dead} died, and you lost nothing. The next answer came from node {node}: you are still logged in, with {things} in your cart.',
  survivedEmpty:
    'Node {dead} died, and you lost nothing. The next answer came from node {node}: you are still logged in.',
  survivedLess:
    'Node {dead} died. The next answer came from node {node}: you are still logged in, but {things} are missing from your cart.',
  oneThing: '1 thing',
  someThings: '{count} things',
  counter: 'Count one up',
  added: '{good}: {quantity} in the cart now, {things} in all.',
  removed: '{good} removed. In the cart: {things}.',
  loggedIn: 'Logged in as {name}.',
  loggedOut: 'Logged out.',
  counted: 'Counted to {count}.',
  back: 'The shop answers again.',
  loginFirst: 'Log in first, then fill your cart.',
  gone: 'Your session is gone. Node {node} does not know it, so you are logged out.',
  goneStore:
    'Your session is gone, so you are logged out. The session store did not answer for a while, and now node {node} does not find your session in it.',
  goneStickyElsewhere:
    'You are logged out, although node {home}, which has your session, is not known to have died. With the strategy sticky it has it alone, and node {node} answered in its place: a node that is too slow is passed over.',
  goneSticky:
    'Node {home} died, so you are logged out. With the strategy sticky your session was in the memory of node {home} alone: your login and your cart went with it. Node {node} never had them.',
  goneStickyBack:
    'Node {home} died, so you are logged out. With the strategy sticky your session was in its memory alone: your login and your cart went with it. It is back now, with an empty memory.',
  goneMemory:
    'You are logged out, although no node had to die. With the strategy memory each node keeps its own sessions, and node {node}, whose turn it was, does not have yours: your login and your cart are out of reach.',
  storeDownLoggedIn: 'The session store does not answer. You are still logged in: try again in a moment.',
  storeDown: 'The session store does not answer. Try again in a moment.',
  unreachable: 'The shop does not answer. Try again in a moment.',
  refused: 'That did not work: {message}',
  floorTitle: 'The floor',
  floorHint: 'Every customer who is logged in walks here. Your place is in your session, like your cart.',
  floorHintShared:
    'Every customer who is logged in walks here. Your place is in your session, like your cart: it stays when the node that takes your steps dies.',
  floorLabel: 'The floor. Walk with the arrow keys.',
  floorOpen: 'Node {node} takes your steps.',
  floorMoved: 'Node {node} takes your steps now. No step was lost.',
  floorLost: 'Node {node} takes your steps now. Steps lost: {count}.',
  floorAway: 'Looking for another node. Steps that wait: {count}.',
  moves: 'Steps',
  coins: 'Coins',
  others: 'Others',
  padLabel: 'Walk',
  up: 'Up',
  left: 'Left',
  down: 'Down',
  right: 'Right',
  minutes: '{minutes}m {seconds}s',
  hours: '{hours}h {minutes}m',
  seconds: '{seconds}s',
  'yarn-ball': 'Ball of yarn',
  'tuna-can': 'Tin of tuna',
  'cardboard-box': 'Cardboard box',
  'feather-wand': 'Feather wand',
  'bell-collar': 'Collar with bell',
  'catnip-mouse': 'Catnip mouse',
}

/** @type {typeof en} */
const ko = {
  price: '{won}원',
  tagline: '계획이 있는 고양이를 위한 가게',
  language: '언어',
  logout: '로그아웃',
  greeting: '{name} 님, 안녕하세요',
  retry: '다시 시도',
  shelfTitle: '진열대',
  shelfText: '로그인해서 장바구니를 채우고, 어느 노드가 응답하는지 보세요.',
  shelfTextShared: '로그인해서 장바구니를 채운 다음, 응답하는 노드를 죽여 보세요. 장바구니는 그대로여야 해요.',
  shelfTextSticky:
    '로그인해서 장바구니를 채운 다음, 응답하는 노드를 죽여 보세요. sticky 전략에서는 로그인과 장바구니가 그 노드에만 있어서 함께 사라져요.',
  shelfTextMemory:
    '로그인해서 장바구니를 채워 보세요. memory 전략에서는 노드마다 자기 세션만 가져서, 다음에 응답하는 노드가 나를 몰라요.',
  add: '담기',
  loginTitle: '로그인',
  loginHint: '데모 손님의 이름은 user-0, user-1, … 이고 비밀번호는 password-0, password-1, … 이에요.',
  name: '이름',
  password: '비밀번호',
  login: '로그인',
  wrongCredentials: '이름이나 비밀번호가 맞지 않아요.',
  missingCredentials: '이름과 비밀번호를 입력해 주세요.',
  cartTitle: '장바구니',
  cartLink: '장바구니: {n}',
  cartEmpty: '아직 비어 있어요. 상자부터 담아 볼까요?',
  cartMore: '그 밖에 {count}가지',
  remove: '빼기',
  total: '합계',
  answerTitle: '응답한 노드',
  live: '계속 확인',
  answeredBy: '마지막 요청에 노드 {node}가 응답했어요.',
  notAnswered: '마지막 요청에 아무도 응답하지 않았어요.',
  nobodyYet: '아직 응답이 없어요.',
  stripLabel: '최근 응답 20개, 끝이 최신',
  answeredCell: '노드 {node}',
  failedCell: '실패',
  version: '세션 버전',
  age: '세션 나이',
  expires: '세션 만료까지',
  versionHint: '세션 버전은 세션이 바뀐 횟수예요. 노드들이 세션을 함께 쓰는 전략에서는 뒤로 가지 않아요.',
  counterHint: '세션에 있는 숫자예요. 누를 때마다 하나씩 늘어요.',
  counterHintShared: '세션에 있는 숫자예요. 그 사이에 노드가 죽어도 누를 때마다 정확히 하나씩 늘어요.',
  kill: '노드 {node} 죽이기',
  killAny: '노드 죽이기',
  livePage: '실시간 페이지',
  watch: '실시간 페이지에서 내 모습 보기',
  killed: '노드 {node}를 죽이고 있어요.',
  survived:
    '노드 {dead}가 죽었지만 잃은 것이 없어요. 다음 응답은 노드 {node}에서 왔고, 로그인도 장바구니의 상품 {things}도 그대로예요.',
  survivedEmpty: '노드 {dead}가 죽었지만 잃은 것이 없어요. 다음 응답은 노드 {node}에서 왔고, 로그인은 그대로예요.',
  survivedLess:
    '노드 {dead}가 죽었어요. 다음 응답은 노드 {node}에서 왔고 로그인은 그대로지만, 장바구니에서 {things}가 사라졌어요.',
  oneThing: '1개',
  someThings: '{count}개',
  counter: '하나 세기',
  added: '{good} {quantity}개, 장바구니에 모두 {things} 있어요.',
  removed: '{good} 뺐어요. 장바구니에 {things} 있어요.',
  loggedIn: '{name} 님으로 로그인했어요.',
  loggedOut: '로그아웃했어요.',
  counted: '{count}까지 셌어요.',
  back: '가게가 다시 응답해요.',
  loginFirst: '먼저 로그인하고 장바구니를 채워 주세요.',
  gone: '세션이 사라졌어요. 노드 {node}가 이 세션을 몰라서 로그아웃됐어요.',
  goneStore:
    '세션이 사라져서 로그아웃됐어요. 세션 저장소가 한동안 응답하지 않았고, 지금 노드 {node}는 거기서 이 세션을 찾지 못해요.',
  goneStickyElsewhere:
    '세션을 가진 노드 {home}가 죽었다는 소식은 없는데 로그아웃됐어요. sticky 전략에서는 그 노드에만 세션이 있는데, 노드 {node}가 대신 응답했어요. 너무 느린 노드는 건너뛰어요.',
  goneSticky:
    '노드 {home}가 죽어서 로그아웃됐어요. sticky 전략에서는 세션이 노드 {home}의 메모리에만 있어서, 로그인과 장바구니가 함께 사라졌어요. 노드 {node}에는 처음부터 없었어요.',
  goneStickyBack:
    '노드 {home}가 죽어서 로그아웃됐어요. sticky 전략에서는 세션이 그 메모리에만 있어서, 로그인과 장바구니가 함께 사라졌어요. 노드는 빈 메모리로 돌아왔어요.',
  goneMemory:
    '죽은 노드가 없는데도 로그아웃됐어요. memory 전략에서는 노드마다 자기 세션만 알아요. 이번 차례인 노드 {node}에는 이 세션이 없어서 로그인과 장바구니에 닿을 수 없어요.',
  storeDownLoggedIn: '세션 저장소가 응답하지 않아요. 로그인은 그대로예요. 잠시 뒤에 다시 시도해 주세요.',
  storeDown: '세션 저장소가 응답하지 않아요. 잠시 뒤에 다시 시도해 주세요.',
  unreachable: '가게가 응답하지 않아요. 잠시 뒤에 다시 시도해 주세요.',
  refused: '잘되지 않았어요: {message}',
  floorTitle: '가게 안',
  floorHint: '로그인한 손님은 모두 여기를 걸어 다녀요. 내 자리도 장바구니처럼 세션에 있어요.',
  floorHintShared:
    '로그인한 손님은 모두 여기를 걸어 다녀요. 내 자리도 장바구니처럼 세션에 있어서, 걸음을 받던 노드가 죽어도 그대로예요.',
  floorLabel: '가게 안. 화살표 키로 걸어요.',
  floorOpen: '노드 {node}가 걸음을 받고 있어요.',
  floorMoved: '이제 노드 {node}가 걸음을 받아요. 사라진 걸음은 없어요.',
  floorLost: '이제 노드 {node}가 걸음을 받아요. 사라진 걸음: {count}개.',
  floorAway: '다른 노드를 찾고 있어요. 기다리는 걸음: {count}개.',
  moves: '걸음',
  coins: '동전',
  others: '다른 손님',
  padLabel: '걷기',
  up: '위로',
  left: '왼쪽으로',
  down: '아래로',
  right: '오른쪽으로',
  minutes: '{minutes}분 {seconds}초',
  hours: '{hours}시간 {minutes}분',
  seconds: '{seconds}초',
  'yarn-ball': '털실 뭉치',
  'tuna-can': '참치 캔',
  'cardboard-box': '골판지 상자',
  'feather-wand': '깃털 낚싯대',
  'bell-collar': '방울 목걸이',
  'catnip-mouse': '캣닢 생쥐',
}

const dictionary = { en, ko }
const REMEMBERED_AS = 'ninelives-language'

export const languages = Object.keys(dictionary)

/** The visitor's choice, or else the language that the server chose by Accept-Language. */
let language = languages.find((known) => known === localStorage.getItem(REMEMBERED_AS)) ?? document.documentElement.lang

export function currentLanguage() {
  return language
}

export function chooseLanguage(chosen) {
  language = chosen
  localStorage.setItem(REMEMBERED_AS, chosen)
}

export function translated(key, values = {}) {
  return dictionary[language][key].replaceAll(/\{(\w+)\}/g, (_placeholder, name) => values[name])
}

/** A product's name; for items of other clients only the sku is known. */
export function goodName(sku) {
  return Object.hasOwn(dictionary[language], sku) ? translated(sku) : sku
}

export function price(won) {
  return translated('price', { won: won.toLocaleString(language) })
}

/** How many things. */
export function things(count) {
  return translated(count === 1 ? 'oneThing' : 'someThings', { count })
}

/** A Korean name, the family's first, in the letters and the order of the language. */
export function personName(name) {
  const family = LATIN[name.slice(0, 1)]
  const given = LATIN[name.slice(1)]
  return language === 'ko' || family === undefined || given === undefined ? name : `${given} ${family}`
}

/** The names of the demo's customers. */
const LATIN = Object.fromEntries(
  (
    '김 Kim 이 Lee 박 Park 최 Choi 정 Jung 강 Kang 조 Cho 윤 Yoon 장 Jang 임 Lim 한 Han 오 Oh 영희 Yeonghui 철수 Cheolsu 민준 Minjun ' +
    '서연 Seoyeon 지훈 Jihoon 수빈 Subin 하준 Hajun 지우 Jiwoo 도윤 Doyun 서윤 Seoyun 예준 Yejun 하은 Haeun 시우 Siwoo 민서 Minseo ' +
    '주원 Juwon 채원 Chaewon 현우 Hyunwoo 지민 Jimin 은지 Eunji 성민 Sungmin 미영 Miyoung 동현 Donghyun 유진 Yujin 상훈 Sanghoon'
  )
    .split(' ')
    .flatMap((word, index, words) => (index % 2 === 0 ? [[word, words[index + 1]]] : [])),
)
