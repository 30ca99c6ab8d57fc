"""What must happen at once in Redis, in its own language. Moments are Redis's own.

A delayed message is a member of a sorted set, scored with the moment at which it is due: a unique text and the fields of
the entry, in msgpack.
"""

NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

DECLARE = """
-- KEYS: channel, its mark "made here", then the stream for retries of each group. ARGV: default group, groups
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SET', KEYS[2], 1)
  if #ARGV == 1 then
    redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
  end
end
local function make(stream, group)
  local answer = redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  return answer.err and not string.find(answer.err, 'BUSYGROUP') and answer
end
for at = 2, #ARGV do
  local failed = make(KEYS[1], ARGV[at]) or make(KEYS[at + 1], ARGV[at])
  if failed then return failed end
end
"""

DELAY = (
    NOW
    + """
-- KEYS: set. ARGV: delay in ms, unique text, fields
redis.call('ZADD', KEYS[1], now + ARGV[1], cmsgpack.pack({unpack(ARGV, 2)}))
"""
)

DUE = (
    NOW
    + """
-- KEYS: consumers, then set and stream in pairs. ARGV: consumer, lease in ms, entries at most
-- Says that the consumer lives, and moves what is due. Answers in how many ms more is due, or -1.
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local next_ms = -1
for at = 2, #KEYS, 2 do
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[at], '-inf', now, 'LIMIT', 0, ARGV[3])) do
    local fields = cmsgpack.unpack(member)
    table.remove(fields, 1)
    redis.call('XADD', KEYS[at + 1], '*', unpack(fields))
    redis.call('ZREM', KEYS[at], member)
  end
  local first = redis.call('ZRANGE', KEYS[at], 0, 0, 'WITHSCORES')
  if first[2] then
    local wait_ms = math.max(0, first[2] - now)
    if next_ms < 0 or wait_ms < next_ms then next_ms = wait_ms end
  end
end
return next_ms
"""
)

RESCUE = (
    NOW
    + """
-- KEYS: consumers, streams. ARGV: group, consumer, prefix of our consumers, entries at most
-- Takes over what consumers have that no longer live. Answers stream, entries in pairs.
local function dead(name)
  local until_ms = redis.call('ZSCORE', KEYS[1], name)
  return name ~= ARGV[2] and string.sub(name, 1, #ARGV[3]) == ARGV[3] and (not until_ms or tonumber(until_ms) < now)
end
local taken = {}
for at = 2, #KEYS do
  local stream = KEYS[at]
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, ARGV[1])) do
    local name, pending = consumer[2], consumer[4]
    if dead(name) then
      local ids = {}
      for _, each in ipairs(redis.call('XPENDING', stream, ARGV[1], '-', '+', ARGV[4], name)) do
        table.insert(ids, each[1])
      end
      if #ids > 0 then
        table.insert(taken, stream)
        table.insert(taken, redis.call('XCLAIM', stream, ARGV[1], ARGV[2], 0, unpack(ids)))
      end
      if #ids == pending then
        redis.call('XGROUP', 'DELCONSUMER', stream, ARGV[1], name)
      end
    end
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400000)
return taken
"""
)

MOVE = (
    NOW
    + """
-- KEYS: stream, stream to move to, set to move to. ARGV: group, consumer, entry, delay in ms, unique text, fields
-- Settles an entry by putting a copy elsewhere, if it is still this consumer's.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
if tonumber(ARGV[4]) > 0 then
  redis.call('ZADD', KEYS[3], now + ARGV[4], cmsgpack.pack({unpack(ARGV, 5)}))
else
  redis.call('XADD', KEYS[2], '*', unpack(ARGV, 6))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
return 1
"""
)

LEAVE = """
-- KEYS: consumers, streams. ARGV: group, consumer. What it has unsettled is for others.
redis.call('ZREM', KEYS[1], ARGV[2])
for at = 2, #KEYS do
  if #redis.call('XPENDING', KEYS[at], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[at], ARGV[1], ARGV[2])
  end
end
"""

_GROUPS = """
local function facts(flat)
  local named = {}
  for at = 1, #flat, 2 do named[flat[at]] = flat[at + 1] end
  return named
end
local function groups(stream)
  if redis.call('EXISTS', stream) == 0 then return {} end
  local all = {}
  for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do table.insert(all, facts(flat)) end
  return all
end
"""

TRIM = (
    _GROUPS
    + """
-- KEYS: streams. Removes what every group has settled.
local function before(one, other)
  local ms, count = string.match(one, '(%d+)-(%d+)')
  local other_ms, other_count = string.match(other, '(%d+)-(%d+)')
  ms, other_ms = tonumber(ms), tonumber(other_ms)
  return ms < other_ms or ms == other_ms and tonumber(count) < tonumber(other_count)
end
for _, stream in ipairs(KEYS) do
  local floor = nil
  for _, group in ipairs(groups(stream)) do
    local first = group['last-delivered-id']
    if group['pending'] > 0 then first = redis.call('XPENDING', stream, group['name'])[2] end
    if not floor or before(first, floor) then floor = first end
  end
  if floor then redis.call('XTRIM', stream, 'MINID', '~', floor) end
end
"""
)

LAG = (
    _GROUPS
    + """
-- KEYS: two streams, then two sets. ARGV: group. Answers how many wait, and of each place the first that waits.
local waiting, first = 0, {}
local function count(stream, after)
  local found = 0
  repeat
    local entries = redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', 1000)
    found = found + #entries
    if #entries > 0 then after = entries[#entries][1] end
  until #entries < 1000
  return found
end
for at = 1, 2 do
  for _, group in ipairs(groups(KEYS[at])) do
    if group['name'] == ARGV[1] then
      local last = group['last-delivered-id']
      waiting = waiting + group['pending'] + (group['lag'] or count(KEYS[at], last))
      local entry = redis.call('XRANGE', KEYS[at], '(' .. last, '+', 'COUNT', 1)[1]
      if group['pending'] > 0 then
        local id = redis.call('XPENDING', KEYS[at], ARGV[1])[2]
        entry = redis.call('XRANGE', KEYS[at], id, id)[1] or entry
      end
      table.insert(first, entry)
    end
  end
end
for at = 3, 4 do
  waiting = waiting + redis.call('ZCARD', KEYS[at])
  local member = redis.call('ZRANGE', KEYS[at], 0, 0)[1]
  if member then
    local fields = cmsgpack.unpack(member)
    table.remove(fields, 1)
    table.insert(first, {'', fields})
  end
end
return {waiting, first}
"""
)
