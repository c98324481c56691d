-- For wrk: writes with a number each, and the numbers that were acknowledged.
-- wrk --threads N --connections N … -s number.lua ADDRESS -- FILE ENDING FIRST
-- Each thread has one connection. A request is a body of FILE with `&number=N`, counted from FIRST;
-- an answer with ENDING acknowledges it.

local bodies, threads, ending, number = {}, {}
local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
acknowledged = {}

function setup(thread)
    table.insert(threads, thread)
    thread:set("place", #threads)
end

function init(args)
    for line in io.lines(args[1]) do table.insert(bodies, (line:match("[^\t]*$"))) end
    ending, number = args[2], tonumber(args[3]) + place * 1e6
end

function request()
    number = number + 1
    local body = string.format("%s&number=%d", bodies[number % #bodies + 1], number)
    return wrk.format("POST", "/", headers, body)
end

function response(status, headers, body)
    if body:find(ending, 1, true) then table.insert(acknowledged, string.format("%d", number)) end
end

function done()
    local all = {}
    for _, thread in ipairs(threads) do
        for _, each in ipairs(thread:get("acknowledged")) do table.insert(all, each) end
    end
    print("JSON [" .. table.concat(all, ", ") .. "]")
end
