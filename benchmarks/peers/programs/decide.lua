-- Gives the member the campaign's next coupon, and notes it for the writer that follows into MySQL.
-- KEYS: the campaign (a hash of total and issued), its members (member to number), the stream.
-- ARGV: the campaign's id, the member's.
-- Returns the number; 0: no such campaign, -1: sold out, -2: the member has one.
local total, issued = unpack(redis.call('HMGET', KEYS[1], 'total', 'issued'))
if not total then return 0 end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return -2 end
if tonumber(issued) >= tonumber(total) then return -1 end
local number = redis.call('HINCRBY', KEYS[1], 'issued', 1)
redis.call('HSET', KEYS[2], ARGV[2], number)
redis.call('XADD', KEYS[3], '*', 'campaign', ARGV[1], 'member', ARGV[2], 'number', number)
return number
