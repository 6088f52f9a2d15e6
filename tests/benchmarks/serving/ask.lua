-- wrk sends the body of a file again and again, and says in one line what it measured.
function init(arguments)
   local file = assert(io.open(arguments[1], "rb"))
   wrk.method = "POST"
   wrk.body = file:read("*a")
   wrk.headers["content-type"] = "application/json"
   file:close()
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format('{"requests": %d, "failed": %d, "us": %d, "p50_us": %.1f, "p99_us": %.1f, "p999_us": %.1f}\n',
      summary.requests, failed, summary.duration,
      latency:percentile(50.0), latency:percentile(99.0), latency:percentile(99.9)))
end
