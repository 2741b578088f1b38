-- wrk's script: sends the requests of a file, made beforehand, in their order, and counts what comes back.
--
--   wrk … -- FILE once|again [SHORTEST LONGEST]
--
-- In FILE each request stands behind a line with its length in bytes. `once`: stop after the last, for none may be
-- sent twice. SHORTEST and LONGEST: how long a client thinks before each request (ms).

local requests = {}
local once = false
local thread

function setup(new) thread = new end

function init(args)
    local file = assert(io.open(args[1], "rb"))
    for length in file:lines() do
        requests[#requests + 1] = file:read(tonumber(length))
    end
    file:close()
    once = args[2] == "once"
    if args[4] then
        local shortest, longest = tonumber(args[3]), tonumber(args[4])
        math.randomseed(#requests)
        delay = function() return math.random(shortest, longest) end
    end
    -- Global, for `done` to read: it runs in another Lua state.
    sent, exhausted, statuses, without_retry_after, surprise = 0, 0, {}, 0, ""
end

function request()
    if sent == #requests then
        if once then
            exhausted = 1
            wrk.thread:stop()
            return requests[#requests]
        end
        sent = 0
    end
    sent = sent + 1
    return requests[sent]
end

local function has_retry_after(headers)
    for name in pairs(headers) do
        if name:lower() == "retry-after" then return true end
    end
    return false
end

function response(status, headers, body)
    local key = tostring(status)
    statuses[key] = (statuses[key] or 0) + 1
    if status == 503 and not has_retry_after(headers) then
        without_retry_after = without_retry_after + 1
    end
    if status >= 400 and status ~= 409 and surprise == "" then
        surprise = status .. " " .. body:sub(1, 300)
    end
end

local function quoted(text) return '"' .. text:gsub('[%c"\\]', " ") .. '"' end

function done(summary, latency, _)
    local counts = {}
    for status, count in pairs(thread:get("statuses")) do
        counts[#counts + 1] = string.format('"%s": %d', status, count)
    end
    local errors = summary.errors
    io.write("RESULT ", string.format(
        '{"seconds": %.6f, "requests": %d, "sent": %d, "exhausted": %d, "without_retry_after": %d, '
        .. '"socket_errors": %d, "timeouts": %d, "p50": %.3f, "p95": %.3f, "p99": %.3f, "max": %.3f, '
        .. '"statuses": {%s}, "surprise": %s}\n',
        summary.duration / 1e6, summary.requests, thread:get("sent"), thread:get("exhausted"),
        thread:get("without_retry_after"), errors.connect + errors.read + errors.write, errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
        latency.max / 1000, table.concat(counts, ", "), quoted(thread:get("surprise"))))
end
