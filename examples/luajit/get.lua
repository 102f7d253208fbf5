-- A verified GET: luajit get.lua PREFIX policy.yaml HOST PORT ADDRESS
local ffi = require "ffi"
local prefix, policy_path, host, port, address = ...
local uptls = require "uptls" (prefix)

local function get()
  local runtime = uptls.new("runtime", "_free", "runtime_new")
  local policy = uptls.new("policy", "_unref", "policy_from_file", runtime, policy_path, uptls.UPTLS_DANGER_FORBID)
  local connector = uptls.new("connector", "_unref", "connector_new", policy, uptls.UPTLS_KEEP_LAST_GOOD)
  local stream = uptls.new("stream", "_free", "stream_connect", connector, host, tonumber(port), address, nil)
  local request = ("GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(host)
  local count = ffi.new "size_t[1]"
  while #request > 0 do
    uptls.call("stream_write", stream, request, #request, count)
    request = request:sub(tonumber(count[0]) + 1)
  end
  local buffer = ffi.new "char[16384]"
  -- UPTLS_CLOSED is the end; a truncated answer is thrown.
  while uptls.call("stream_read", stream, buffer, 16384, count) == uptls.UPTLS_OK do
    io.write(ffi.string(buffer, count[0]))
  end
end

local ok, problem = pcall(get)
if not ok then
  io.stderr:write(tostring(problem), "\n")
  os.exit(1)
end
