-- For wrk: walk over the requests of a file, one a line, `METHOD TAB path TAB body`.
-- wrk … -s walk.lua ADDRESS -- FILE [ENDING]
-- With ENDING each answer is looked through for it; those without are counted as wrong.

local threads, requests, at = {}, {}, 0
wrong = 0

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
    for line in io.lines(args[1]) do
        local method, path, body = line:match("^(%u+)\t(%S+)\t(.*)$")
        if body == "" then
            table.insert(requests, wrk.format(method, path, {}, nil))
        else
            table.insert(requests, wrk.format(method, path, headers, body))
        end
    end
    if args[2] then
        response = function(status, headers, body)
            if status ~= 200 or not body:find(args[2], 1, true) then wrong = wrong + 1 end
        end
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency, rates)
    local e, all_wrong = summary.errors, 0
    for _, thread in ipairs(threads) do all_wrong = all_wrong + thread:get("wrong") end
    print(string.format(
        'JSON {"requests": %d, "seconds": %.6f, "bytes": %d, "errors": %d, "wrong": %d}',
        summary.requests, summary.duration / 1e6, summary.bytes,
        e.connect + e.read + e.write + e.timeout + e.status, all_wrong))
end
