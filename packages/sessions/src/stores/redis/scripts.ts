/**
 * The scripts for writing, touching and deleting, which must be atomic. Each uses only KEYS[1], so in a Cluster it needs one slot
 * and no hash tags. Each returns a list that begins with a status.
 *
 * A script is sent as EVALSHA. If the server does not know it, it did nothing, and the script is sent again as EVAL. ioredis'
 * `defineCommand` does the same, but in a pipeline it first asks which scripts the server knows, at a round trip more.
 */
import { createHash } from 'node:crypto'
import type { RedisClient } from './client.ts'

export interface RedisScript {
  readonly lua: string
  readonly sha: string
}

export type ScriptArguments = readonly (string | number)[]
export type ScriptReply = readonly [status: string, version?: string, expiresAtMs?: string, body?: string]

/**
 * Redis may remove an expired key late. So every script gets the node's time in ARGV[1] and treats an expired record as absent.
 * It gives Redis a remaining time rather than an instant, so a wrong clock of Redis' ends no session early.
 */
const TIMED = `
  local now = tonumber(ARGV[1])
  local function expire(at) redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil(at - now))) end
  local function live()
    local found = redis.call('HMGET', KEYS[1], 'v', 'e')
    if found[1] and tonumber(found[2]) > now then return found[1], found[2] end
  end`

/** ARGV: now, the version to build on, the expiry, the body. */
export const writeScript = script(`${TIMED}
  local version = live()
  local expected = tonumber(ARGV[2])
  if version == '0' or (not version and expected ~= 0) then return {'gone'} end
  if version and tonumber(version) ~= expected then
    return {'conflict', unpack(redis.call('HMGET', KEYS[1], 'v', 'e', 'b'))}
  end
  redis.call('HSET', KEYS[1], 'v', expected + 1, 'e', ARGV[3], 'b', ARGV[4])
  expire(ARGV[3])
  return {'written'}`)

/** ARGV: now, the expiry. */
export const touchScript = script(`${TIMED}
  local version, expiresAtMs = live()
  if not version or version == '0' then return {'gone'} end
  if tonumber(ARGV[2]) > tonumber(expiresAtMs) then
    redis.call('HSET', KEYS[1], 'e', ARGV[2])
    expire(ARGV[2])
  end
  return {'touched'}`)

/** ARGV: now, the end of the fence. */
export const destroyScript = script(`${TIMED}
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'v', 0, 'e', ARGV[2])
  expire(ARGV[2])
  return {'destroyed'}`)

export function runScript(
  client: RedisClient,
  { lua, sha }: RedisScript,
  key: string,
  args: ScriptArguments,
): Promise<ScriptReply> {
  const reply = client.evalsha(sha, 1, key, ...args).catch((error: unknown) => {
    if (!isForgotten(error)) throw error
    return client.eval(lua, 1, key, ...args)
  })
  return reply as Promise<ScriptReply>
}

/** Whether the server does not know the script, and so did not run it. */
export function isForgotten(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

function script(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
