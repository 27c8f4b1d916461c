-- wrk: sends the prepared bodies of a file in turn, and prints what it saw as one line of JSON.
--
-- Arguments: path of the file (one body a line, in hexadecimal if it is not JSON), position of the
-- first body to send, content type; names and values of further headers.
-- All requests are rendered before the run, so that a request costs the generator one lookup.

local requests, position = {}, 0

local function bytes(line)
   return (line:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

function init(args)
   local headers = { ["Content-Type"] = args[3] }
   for at = 4, #args, 2 do
      headers[args[at]] = args[at + 1]
   end
   for line in io.lines(args[1]) do
      local body = args[3] == "application/json" and line or bytes(line)
      requests[#requests + 1] = wrk.format("POST", wrk.path, headers, body)
   end
   position = tonumber(args[2]) % #requests
end

function request()
   position = position % #requests + 1
   return requests[position]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\nJSON {"requests": %d, "seconds": %.6f, "p50": %.3f, "p90": %.3f, "p99": %.3f, ' ..
      '"p99.9": %.3f, "max": %.3f, "connect": %d, "read": %d, "write": %d, "timeout": %d, ' ..
      '"status": %d}\n',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3,
      latency:percentile(99.9) / 1e3, latency.max / 1e3,
      errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
