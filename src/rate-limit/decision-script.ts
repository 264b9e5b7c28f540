import { hash } from 'node:crypto';
import type { Check, Standing } from './check.ts';

/**
 * Decides all checks on Redis's clock and counts them, or counts none if one refuses. A shadow that is exceeded is left out.
 * Of each check, KEYS has its key and ARGV `<algorithm> <limit> <windowMs> <burst> <weight> <shadow>`; the answer has three
 * numbers of each: what is left, milliseconds until reset, and 1 if it is exceeded.
 *
 * A weight of 0 only looks.
 *
 * `f` is rate-limit-redis's form: a number that expires, so both may count the same key. `s` counts in tenths of a window,
 * each as long as a hit of it may matter: never more than the limit in any window, and a hit matters for up to 1.1 windows.
 * `t` keeps one time, at which the bucket will be full again (GCRA). `u` only counts, `l` only looks at what `f` counts.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local function fixed(key, limit, window, _, weight)
  local left = redis.call('PTTL', key)
  local used = left > 0 and tonumber(redis.call('GET', key)) or 0
  if left <= 0 then left = window end
  local function count()
    if used == 0 or weight < 0 and used + weight <= 0 then
      if weight > 0 then redis.call('SET', key, weight, 'PX', left) else redis.call('DEL', key) end
    else
      redis.call('INCRBY', key, weight)
    end
  end
  return used + weight > limit, limit - used, left, left, count
end

local function sliding(key, limit, window, _, weight)
  local slot = window / 10
  local current = math.floor(now / slot)
  local fields, used, stale, slots = redis.call('HGETALL', key), 0, {}, {}
  for i = 1, #fields, 2 do
    local index, hits = tonumber(fields[i]), tonumber(fields[i + 1])
    if index < current - 10 then
      stale[#stale + 1] = fields[i]
    else
      used = used + hits
      slots[#slots + 1] = { index, hits }
    end
  end
  table.sort(slots, function(a, b) return a[1] < b[1] end)
  local wait, freed = window + slot, 0
  for _, entry in ipairs(slots) do
    freed = freed + entry[2]
    wait = (entry[1] + 11) * slot - now
    if used - freed + weight <= limit then break end
  end
  local reset = slots[1] and (slots[1][1] + 11) * slot - now or window + slot
  local function count()
    if #stale > 0 then redis.call('HDEL', key, unpack(stale)) end
    if weight < 0 and used <= 0 then return end
    redis.call('HINCRBY', key, string.format('%d', current), weight)
    redis.call('PEXPIRE', key, math.ceil(window + slot))
  end
  return used + weight > limit, limit - used, reset, wait, count
end

local function bucket(key, limit, window, burst, weight)
  local each = window / limit
  local full = math.max(tonumber(redis.call('GET', key)) or now, now)
  local after = math.max(full + weight * each, now)
  local spare = burst * each - (after - now)
  local function count()
    if after == now then return redis.call('DEL', key) end
    redis.call('SET', key, string.format('%.4f', after), 'PX', math.ceil(after - now))
  end
  local slack = each / 1000
  return spare < -slack, math.floor((spare + slack) / each) + weight, after - now, -spare, count
end

local function usage(key, _, window, _, weight)
  local function count()
    if redis.call('INCRBY', key, weight) == weight then redis.call('PEXPIRE', key, window) end
  end
  return false, 0, 0, 0, count
end

local function look(...)
  local exceeded, left, reset, wait = fixed(...)
  return exceeded, left, reset, wait, function() end
end

local kinds = { f = fixed, s = sliding, t = bucket, u = usage, l = look }
local answer, counts, taken, refused = {}, {}, {}, false
for i, key in ipairs(KEYS) do
  local kind, limit, window, burst, weight, shadow = string.match(ARGV[i], '^(%a) (%d+) (%d+) (%d+) (-?%d+) (%d)$')
  weight = tonumber(weight)
  local exceeded, left, reset, wait, count =
    kinds[kind](key, tonumber(limit), tonumber(window), tonumber(burst), weight)
  exceeded = exceeded and weight > 0
  if not exceeded then
    if weight ~= 0 then counts[#counts + 1] = count end
    taken[i] = math.min(weight, left)
    left = left - taken[i]
  elseif shadow == '0' then
    refused = true
  end
  answer[#answer + 1] = math.max(left, 0)
  answer[#answer + 1] = math.ceil(exceeded and wait or reset)
  answer[#answer + 1] = exceeded and 1 or 0
end
if refused then
  for i, units in pairs(taken) do answer[3 * i - 2] = answer[3 * i - 2] + units end
else
  for _, count in ipairs(counts) do count() end
end
return answer
`;

const SHA = hash('sha1', SCRIPT);

type Send = (...args: [string, ...string[]]) => Promise<unknown>;

/**
 * Asks Redis for its decision, in one command; in a second one if it has forgotten the script.
 * @throws {Error} whatever `send` throws, and for an answer that makes no sense
 */
export async function askRedis(send: Send, checks: readonly Check[]): Promise<Standing[]> {
  const parts = [String(checks.length), ...checks.map(({ key }) => key), ...checks.map(argumentOf)];
  const answer = await send('EVALSHA', SHA, ...parts).catch((error: unknown) => {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return send('EVAL', SCRIPT, ...parts);
  });
  if (!Array.isArray(answer) || answer.length !== 3 * checks.length) throw new TypeError('no answer of the script');
  return checks.map((check, index) => ({
    check,
    remaining: Number(answer[3 * index]),
    resetMs: Number(answer[3 * index + 1]),
    isExceeded: Number(answer[3 * index + 2]) === 1,
  }));
}

const KINDS = { fixed: 'f', sliding: 's', 'token-bucket': 't', usage: 'u', look: 'l' } as const;

function argumentOf({ rule, weight, windowMs = rule.windowMs }: Check): string {
  return `${KINDS[rule.algorithm]} ${rule.limit} ${windowMs} ${rule.burst} ${weight} ${rule.isShadow ? 1 : 0}`;
}
