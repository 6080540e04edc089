/** Options of koa-session that `sessions()` refuses by name: what each was for stands here, with what does it now. */
const ALWAYS = 'That is always so here: leave it out.'
const IDLE = 'A session that is used stays alive by itself: set idleTimeoutMs, and leave it out.'
const RANDOM_IDS = 'Ids are 256 random bits, and stores see only hashes of them: leave it out.'
const NO_COOKIE_DATA = 'Data is kept in the store, and the cookie holds an id alone: leave it out.'

export const GONE_FROM_KOA_SESSION: Readonly<Record<string, string>> = {
  key: "Name the cookie with cookieName; the prefix '__Host-' is added where secure is true.",
  maxage: 'Set idleTimeoutMs.',
  expires: 'Set idleTimeoutMs and absoluteTimeoutMs.',
  signed: 'The cookie is always signed, with the option keys: leave it out.',
  overwrite: ALWAYS,
  httpOnly: ALWAYS,
  path: "The path is always '/', as the name '__Host-' asks for: leave it out.",
  rolling: IDLE,
  renew: IDLE,
  encode: NO_COOKIE_DATA,
  decode: NO_COOKIE_DATA,
  genid: RANDOM_IDS,
  prefix: `${RANDOM_IDS} A prefix for the keys in Redis is a setting of the store's URL: redis://host?prefix=shop:.`,
  externalKey: 'The id travels in the cookie alone; read the public one with ctx.session.externalKey.',
  ContextStore: "Write a store with compare-and-set, see 'Writing a store' in the README, and pass it as store.",
}
