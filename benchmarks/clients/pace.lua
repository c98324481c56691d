-- For wrk: the requests of a file at a constant rate, and their latencies.
-- wrk --threads N --connections N … -s pace.lua ADDRESS -- FILE ENDING RATE N
-- Each thread has one connection; together they send RATE requests a second, evenly spaced. If a
-- request is due while its connection still waits for an answer, its time counts from then on.

dofile((debug.getinfo(1, "S").source:sub(2):gsub("pace.lua$", "walk.lua")))
local ffi, walk_setup, walk_init, walk = require("ffi"), setup, init, request
local check, threads, count, interval, begun
times, due, first, last = {}, nil, nil, nil -- milliseconds; seconds of the clock

ffi.cdef [[
    typedef struct { long seconds, nanoseconds; } moment;
    int clock_gettime(int clock, moment *now);
    int nanosleep(const moment *duration, moment *rest);
]]

local function now()
    local moment = ffi.new("moment")
    ffi.C.clock_gettime(1, moment) -- CLOCK_MONOTONIC
    return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function setup(thread)
    walk_setup(thread)
    threads = threads or {}
    table.insert(threads, thread)
    thread:set("place", #threads)
end

function init(args)
    walk_init(args)
    check, count = response, tonumber(args[4])
    interval = count / tonumber(args[3])
    response = function(...)
        last = now()
        table.insert(times, (last - begun) * 1000)
        check(...)
    end
end

function request()
    due = due and due + interval or now() + interval * place / count
    first = first or due
    local wait = due - now()
    if wait > 0 then ffi.C.nanosleep(ffi.new("moment", math.floor(wait), wait % 1 * 1e9), nil) end
    begun = wait > 0 and now() or due
    return walk()
end

function done(summary)
    local all, wrong, e, from, till = {}, 0, summary.errors, math.huge, 0
    for _, thread in ipairs(threads) do
        from = math.min(from, thread:get("first") or from)
        till = math.max(till, thread:get("last") or till)
        for _, time in ipairs(thread:get("times")) do table.insert(all, time) end
        wrong = wrong + thread:get("wrong")
    end
    table.sort(all)
    print(string.format(
        'JSON {"requests": %d, "seconds": %.6f, "wrong": %d, "p50": %.3f, "p99": %.3f}',
        #all, till - from, wrong + e.connect + e.read + e.write + e.timeout + e.status,
        all[math.ceil(#all * 0.5)] or -1, all[math.ceil(#all * 0.99)] or -1))
end
