/**
 * Customers' names: a given and a family name, chosen by the account's number alone, so they are the same on every node. Two accounts
 * may share a name.
 */

const FAMILY_NAMES = '김 이 박 최 정 강 조 윤 장 임 한 오'.split(' ')
const GIVEN_NAMES =
  '영희 철수 민준 서연 지훈 수빈 하준 지우 도윤 서윤 예준 하은 시우 민서 주원 채원 현우 지민 은지 성민 미영 동현 유진 상훈'.split(
    ' ',
  )

export function displayNameOf(accountNumber: number): string {
  const draw = scrambled(accountNumber)
  const family = FAMILY_NAMES[draw % FAMILY_NAMES.length] ?? ''
  const given = GIVEN_NAMES[Math.floor(draw / FAMILY_NAMES.length) % GIVEN_NAMES.length] ?? ''
  return family + given
}

/** The finalizer of MurmurHash3: turns consecutive numbers into unrelated 32-bit numbers. */
function scrambled(number: number): number {
  let mixed = (number + 1) >>> 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
