/** Codes and errors in words that a visitor understands, in both languages. */
import test from 'ava'

// The words look for the visitor's choice when they are loaded.
const storage = { getItem: () => null, setItem: () => undefined }
Object.defineProperty(globalThis, 'localStorage', { value: storage, configurable: true })
const { failureText, takesText, whyText } = await import('../src/page/base/reasons.ts')
const { chooseLanguage } = await import('../src/page/base/words.ts')
const { partsText } = await import('../src/page/base/parts.ts')
const { proofText } = await import('../src/page/base/proofs.ts')

test.serial('why an operation was not carried out', (t) => {
  const told = [
    ['503 STORE_UNAVAILABLE', 'no store', '저장소 없음'],
    ['503 UNAVAILABLE', 'no node free', '맡을 노드 없음'],
    ['504 GATEWAY_TIMEOUT', 'no answer in time', '제때 응답 없음'],
    ['timeout', 'no answer in time', '제때 응답 없음'],
    ['409 SESSION_CONFLICT', 'conflict', '충돌'],
    ['ECONNREFUSED', 'connection refused', '연결 거절'],
    ['502 BAD_GATEWAY', 'cut off', '연결 끊김'],
    ['500', 'answered 500', '500 응답'],
    ['500 SOMETHING_ELSE', 'answered 500', '500 응답'],
    ['not JSON', 'not JSON', 'not JSON'],
  ] as const
  for (const [why, en, ko] of told) {
    chooseLanguage('en')
    t.is(whyText(why), en, why)
    chooseLanguage('ko')
    t.is(whyText(why), ko, why)
  }
})

test.serial('why a fault did not land', (t) => {
  chooseLanguage('en')
  const waited = 'waited 10000 ms in vain for stall of b to land'
  t.is(failureText(waited), 'it had no effect within 10,000 ms')
  t.is(failureText(`not healed: ${waited}`), 'it could not be ended (it had no effect within 10,000 ms)')
  t.is(failureText('no such thing'), 'no such thing')
  chooseLanguage('ko')
  t.is(failureText(waited), '10,000 ms 안에 효과가 없었어요')
  t.is(failureText('node b ended before it came to that point'), '노드 b가 그 순간에 이르기 전에 끝났어요')
})

test.serial('what a field of a fault takes', (t) => {
  const told = [
    ['whole milliseconds, 1 to 600000', 'a whole number, 1 to 600,000', '1~600,000, 정수'],
    ['whole milliseconds, -500 to 500 and not 0', 'a whole number, -500 to 500, not 0', '-500~500, 0이 아닌 정수'],
    ['which of the coming requests it is, 1 to 10000, or "random"', '1 to 10,000, or “random”', '1~10,000 또는 random'],
    ['a method and a route, such as "POST /api/cart"', 'such as POST /api/cart', '예: POST /api/cart'],
    ['something else', 'something else', 'something else'],
  ] as const
  for (const [takes, en, ko] of told) {
    chooseLanguage('en')
    t.is(takesText(takes), en)
    chooseLanguage('ko')
    t.is(takesText(takes), ko)
  }
})

test.serial('the parts that a target names', (t) => {
  chooseLanguage('en')
  t.is(partsText('balancer>a,a>store'), 'balancer → a, a → store')
  chooseLanguage('ko')
  t.is(partsText('balancer>a,a>store'), '밸런서 → a, a → 저장소')
})

test.serial("what a checker found is told in its own words, or in Korean with the user's name", (t) => {
  const found = { kind: 'duplicate', user: 'user-$&', text: 'user-$& put sku.1 twice' } as const
  chooseLanguage('en')
  t.is(proofText(found), found.text)
  chooseLanguage('ko')
  t.regex(proofText(found), /^user-\$&가 [가-힣 ]+$/)
})
