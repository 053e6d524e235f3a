-- wrk: posts the bodies of a file in turn, each time as a session of its own, so that no event is a duplicate.
-- wrk ... -s post.lua URL -- FILE TAG PAUSE    FILE: one body a line, SESSION-ID where the session id goes; TAG: 8 hex
-- digits; PAUSE: ms each connection waits before a request, on average; 0: none
local threads = 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

function init(arguments)
  heads, tails = {}, {}
  for line in io.lines(arguments[1]) do
    local first, last = line:find("SESSION-ID", 1, true)
    heads[#heads + 1] = line:sub(1, first - 1)
    tails[#tails + 1] = line:sub(last + 1)
  end
  prefix = string.format("%s-%04x-7000-8000-", arguments[2], thread_number)
  headers = {
    ["Content-Type"] = "application/json",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  }
  made = 0
  if tonumber(arguments[3]) > 0 then
    local longest = 2 * tonumber(arguments[3])
    math.randomseed(thread_number + 1)
    function delay() return math.random(0, longest) end
  end
end

function request()
  made = made + 1
  local place = made % #heads + 1
  local body = heads[place] .. prefix .. string.format("%012x", made) .. tails[place]
  return wrk.format("POST", "/analytics/events", headers, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"status_errors":%d,"socket_errors":%d,"timeouts":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
