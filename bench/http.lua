-- For wrk: requests that encrypt for changing users, of one value or, behind a `--`, of a batch of so many. It prints one line:
-- requests, microseconds, the median and the 99th percentile in microseconds, and how many failed.
local KINDS = 500 -- of single requests, made before the clock runs

local function value()
   local uuid = string.format("%08x-%04x-4%03x-8%03x-%06x%06x", math.random(0, 0xffffffff), math.random(0, 0xffff),
      math.random(0, 0xfff), math.random(0, 0xfff), math.random(0, 0xffffff), math.random(0, 0xffffff))
   return string.format('{"userUUID":"%s","sensitiveData":"user%d@example.com"}', uuid, math.random(0, 9999999))
end

local requests, place = {}, 0

function init(args)
   local size = tonumber(args[1] or "1")
   for i = 1, size == 1 and KINDS or 8 do
      local path, body = "/encrypt", value()
      if size > 1 then
         local values = { body }
         for v = 2, size do values[v] = value() end
         path, body = "/batch", '{"operation":"encrypt","requests":[' .. table.concat(values, ",") .. "]}"
      end
      requests[i] = wrk.format("POST", path, nil, body)
   end
end

function request()
   place = place % #requests + 1
   return requests[place]
end

function done(summary, latency)
   local errors = summary.errors
   print("result", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect + errors.read + errors.write + errors.status + errors.timeout)
end
