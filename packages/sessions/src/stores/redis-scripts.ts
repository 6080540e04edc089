/**
 * What must be atomic in Redis, one script a verb. Each touches KEYS[1] alone, so that in a Cluster every verb has one slot
 * and nothing needs a hash tag, and answers with a list whose first word says what happened.
 *
 * A script is sent as EVALSHA, and as EVAL where the server has forgotten it: that answer proves that nothing was done.
 */
import { createHash } from 'node:crypto'
import type { RedisClient } from './redis-client.ts'

export interface RedisScript {
  readonly lua: string
  readonly sha: string
}

export type ScriptArguments = readonly (string | number)[]
export type ScriptReply = readonly [status: string, version?: string, expiresAtMs?: string, body?: string]

/** ARGV: the version to build on, the expiry, how long that is from now, the body. */
export const writeScript = script(`
  local version = redis.call('HGET', KEYS[1], 'v')
  local expected = tonumber(ARGV[1])
  if version == '0' or (not version and expected ~= 0) then return {'gone'} end
  if version and tonumber(version) ~= expected then
    return {'conflict', unpack(redis.call('HMGET', KEYS[1], 'v', 'e', 'b'))}
  end
  redis.call('HSET', KEYS[1], 'v', expected + 1, 'e', ARGV[2], 'b', ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'written'}`)

/** ARGV: the expiry, how long that is from now. */
export const touchScript = script(`
  local record = redis.call('HMGET', KEYS[1], 'v', 'e')
  if not record[1] or record[1] == '0' then return {'gone'} end
  if tonumber(ARGV[1]) > tonumber(record[2]) then
    redis.call('HSET', KEYS[1], 'e', ARGV[1])
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  return {'touched'}`)

/** ARGV: how long the fence stands. */
export const destroyScript = script(`
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'v', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
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

/** Whether the server does not know the script, and so did nothing. */
export function isForgotten(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

function script(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
