/**
 * The scripts for writing, touching and deleting, which must be atomic. In a Cluster each uses only KEYS[1], so it needs one slot and
 * no hash tags: only a near-cache makes holders, and it takes no Cluster. Each returns a list that begins with a status.
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

/** How long after the last lease of the holders a change may still come, before nodes hold copies again. */
const WAITING_SLACK_MS = 100
/** Redis forgets that a connection reads a key when the same connection changes it, so the script reads the key again. */
const TRACKED = `redis.call('HGET', KEYS[1], 'v')`

export type ScriptArguments = readonly (string | number)[]
export type ScriptReply = readonly [status: string, version?: string, expiresAtMs?: string, body?: string]

/**
 * Redis may remove an expired key late. So every script gets the node's time in ARGV[1] and treats an expired record as absent.
 * It gives Redis a remaining time rather than an instant, so a wrong clock of Redis' ends no session early.
 *
 * A node may hold a copy of the record in its memory: see lease.ts. The field `h` lists the leases of the holders, separated by
 * commas. A change first waits until no other node holds a copy: the script returns `held` and changes nothing, tells the holders,
 * and sets the field `w`, until when no node may become a holder. ARGV[2] is the prefix of all keys, ARGV[3] this node's lease.
 */
const TIMED = `
  local now, prefix, me = tonumber(ARGV[1]), ARGV[2], ARGV[3]
  local holders, waiting
  local function expire(at) redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil(at - now))) end
  local function clock()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local function live()
    local found = redis.call('HMGET', KEYS[1], 'v', 'e', 'h', 'w')
    holders, waiting = found[3], found[4]
    if found[1] and tonumber(found[2]) > now then return found[1], found[2] end
  end
  local function isLeased(lease) return lease ~= '' and redis.call('EXISTS', prefix .. 'lease:' .. lease) == 1 end
  local function held()
    if not holders or holders == me then return end
    local left = 0
    for lease in string.gmatch(holders, '[^,]+') do
      local leaseLeft = lease ~= me and redis.call('PTTL', prefix .. 'lease:' .. lease) or 0
      if leaseLeft > 0 then redis.call('PUBLISH', prefix .. 'copies:' .. string.match(lease, '^[^.]+'), 'drop ' .. KEYS[1]) end
      left = math.max(left, leaseLeft)
    end
    if left == 0 then return end
    redis.call('HSET', KEYS[1], 'w', clock() + left + ${WAITING_SLACK_MS})
    return {'held', tostring(left)}
  end`

/** ARGV: the common ones, the version to build on, the expiry, the body. It returns whether this node now holds a copy. */
export const writeScript = script(`${TIMED}
  local version = live()
  local expected = tonumber(ARGV[4])
  if version == '0' or (not version and expected ~= 0) then return {'gone'} end
  if version and tonumber(version) ~= expected then
    return {'conflict', unpack(redis.call('HMGET', KEYS[1], 'v', 'e', 'b'))}
  end
  local others = held()
  if others then return others end
  redis.call('HSET', KEYS[1], 'v', expected + 1, 'e', ARGV[5], 'b', ARGV[6])
  expire(ARGV[5])
  if waiting or not isLeased(me) then
    if holders or waiting then redis.call('HDEL', KEYS[1], 'h', 'w') end
    return {'written'}
  end
  if holders ~= me then redis.call('HSET', KEYS[1], 'h', me) end
  ${TRACKED}
  return {'written', 'holds'}`)

/** ARGV: the common ones, the expiry. */
export const touchScript = script(`${TIMED}
  local version, expiresAtMs = live()
  if not version or version == '0' then return {'gone'} end
  if tonumber(ARGV[4]) > tonumber(expiresAtMs) then
    local others = held()
    if others then return others end
    redis.call('HSET', KEYS[1], 'e', ARGV[4])
    expire(ARGV[4])
    if waiting then redis.call('HDEL', KEYS[1], 'w') end
  end
  return {'touched'}`)

/** ARGV: the common ones, the end of the fence. */
export const destroyScript = script(`${TIMED}
  live()
  local others = held()
  if others then return others end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'v', 0, 'e', ARGV[4])
  expire(ARGV[4])
  return {'destroyed'}`)

/**
 * Reads, and makes this node a holder. ARGV: the common ones. A Redis that refuses changes is read all the same; the node then
 * becomes no holder.
 */
export const holdScript = script(`${TIMED}
  live()
  local record = redis.call('HMGET', KEYS[1], 'v', 'e', 'b')
  if not record[3] then return {'absent'} end
  if not isLeased(me) then return {'found', unpack(record)} end
  if holders then
    local others = {}
    for lease in string.gmatch(holders, '[^,]+') do
      if lease == me then return {'held', unpack(record)} end
      if isLeased(lease) then table.insert(others, lease) end
    end
    table.insert(others, me)
    holders = table.concat(others, ',')
  end
  if waiting and tonumber(waiting) > clock() then return {'found', unpack(record)} end
  local done = redis.pcall('HSET', KEYS[1], 'h', holders or me)
  if type(done) == 'table' then return {'found', unpack(record)} end
  ${TRACKED}
  return {'held', unpack(record)}`)

/** This node holds no copy any more. ARGV: the common ones. */
export const releaseScript = script(`${TIMED}
  live()
  if not holders then return {'released'} end
  local others = {}
  for lease in string.gmatch(holders, '[^,]+') do
    if lease ~= me then table.insert(others, lease) end
  end
  if #others == 0 then redis.call('HDEL', KEYS[1], 'h') else redis.call('HSET', KEYS[1], 'h', table.concat(others, ',')) end
  return {'released'}`)

/** KEYS: the lease. ARGV: its milliseconds, NX for a new one or XX, the node's channel, and what is to arrive on it. */
export const leaseScript = script(`
  if not redis.call('SET', KEYS[1], '', 'PX', ARGV[1], ARGV[2]) then return {'lost'} end
  redis.call('PUBLISH', ARGV[3], ARGV[4])
  return {'leased'}`)

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
