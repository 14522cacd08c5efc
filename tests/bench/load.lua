-- Sends the requests of a file in turn and counts every answer with another status than expected.
-- wrk ... -s load.lua URL -- STATUS FILE; a line of the file holds a token and an ETag, or "-".

local threads, requests, next_request = {}, {}, 0
local expected
wrong = 0 -- global, so that done() can read it

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  expected = tonumber(arguments[1])
  for line in io.lines(arguments[2]) do
    local token, etag = line:match("^(%S+) (%S+)$")
    local headers = {["Authorization"] = "Bearer " .. token}
    if etag ~= "-" then headers["If-None-Match"] = etag end
    table.insert(requests, wrk.format("GET", nil, headers))
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function response(status)
  if status ~= expected then wrong = wrong + 1 end
end

function done(summary, latency)
  local failed = summary.errors
  local errors = failed.connect + failed.read + failed.write + failed.timeout
  for _, thread in ipairs(threads) do errors = errors + thread:get("wrong") end
  io.write(string.format(
    '{"answers": %d, "seconds": %.6f, "median": %.9f, "p99": %.9f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, errors))
end
