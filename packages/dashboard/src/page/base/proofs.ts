/** What a checker found, in one sentence. The checkers themselves say it in English, with its figures. */
import type { AnomalyKind, FoundAnomaly } from '@ninelives/history'
import { currentLanguage } from './words.ts'

const korean: Readonly<Record<AnomalyKind, string>> = {
  leak: '{user}에게 다른 사용자의 것이 보였어요',
  fixation: '{user}의 로그인 전 쿠키가 로그인 뒤에도 통했어요',
  resurrection: '{user}가 로그아웃했는데, 끝난 세션의 것이 다시 나타났어요',
  'lost-session': '{user}는 로그인해 있었는데, 다시 로그인하라는 답을 받았어요',
  amnesia: '{user}의 로그인은 그대로인데, 세션에 담긴 것이 모두 사라졌어요',
  'lost-write': '{user}가 저장됐다는 답을 받은 변경이 사라졌어요',
  'lost-update': '{user}의 두 탭이 동시에 바꾸다가, 한쪽의 변경이 사라졌어요',
  'lost-move': '{user}가 승인받은 이동이 사라졌어요',
  'visible-though-failed': '{user}는 실패했다는 답을 받았는데, 그 변경이 보였어요',
  duplicate: '{user}가 한 번 한 변경이 두 번 적용됐어요',
  phantom: '{user}의 장바구니에 아무도 담지 않은 상품이 있었어요',
  'doubled-move': '{user}의 이동 하나가 두 번 적용됐어요',
  'flapping-session': '{user}는 로그인하라는 답을 받았는데, 나중에 보니 로그인된 채였어요',
  'back-in-time': '{user}에게 이미 본 것보다 옛 상태가 보였어요',
  hole: '{user}에게 나중 변경은 보이는데, 그 앞의 변경은 아직 보이지 않았어요',
  'stale-read': '{user}가 승인받은 변경이 한동안 보이지 않았어요',
  'early-expiry': '{user}의 세션이 정해진 시간보다 일찍 끝났어요',
  'late-expiry': '{user}의 세션이 정해진 시간이 지나도 열려 있었어요',
  'outlived-socket': '{user}가 로그아웃한 뒤에도 그 세션의 소켓이 열려 있었어요',
  'copies-differ': '아무도 바꾸지 않는데, {user}의 세션 사본이 노드마다 달랐어요',
}

export function proofText({ kind, user, text }: Pick<FoundAnomaly, 'kind' | 'user' | 'text'>): string {
  return currentLanguage() === 'ko' ? korean[kind].replace('{user}', () => user) : text
}
