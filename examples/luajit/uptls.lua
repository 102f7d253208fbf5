-- libuptls for LuaJIT (OpenResty), made of its description: require "uptls" (PREFIX), where `make install PREFIX=...` put it.
local ffi = require "ffi"
local cjson = require "cjson"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- What the header says, without its macros and comments, which ffi.cdef does not take.
local function declarations(api)
  local lines = {}
  local function line(...) lines[#lines + 1] = string.format(...) end
  local function typed(entry) return entry.type .. " " .. entry.name end
  for _, name in ipairs(api.opaque) do line("typedef struct %s %s;", name, name) end
  for _, entry in ipairs(api.types) do
    local named, count = entry.type:gsub("%(%*%)", "(*" .. entry.name .. ")")
    line("typedef %s;", count > 0 and named or typed(entry))
  end
  for _, structure in ipairs(api.structures) do
    local fields = {}
    for _, field in ipairs(structure.fields) do fields[#fields + 1] = typed(field) .. ";" end
    line("typedef struct { %s } %s;", table.concat(fields, " "), structure.name)
  end
  for _, entry in ipairs(api.functions) do
    local parameters = {}
    for _, parameter in ipairs(entry.parameters) do parameters[#parameters + 1] = typed(parameter) end
    line("%s %s(%s);", entry.returns, entry.name, #parameters > 0 and table.concat(parameters, ", ") or "void")
  end
  return table.concat(lines, "\n")
end

local function of(prefix)
  local api = cjson.decode(read(prefix .. "/share/uptls/uptls-api.json"))
  ffi.cdef(declarations(api))
  local uptls = { C = ffi.load(prefix .. "/lib/libuptls.so") }
  for _, constant in ipairs(api.constants) do uptls[constant.name] = constant.value end

  local text = { __tostring = function(e) return e.code .. ": " .. e.message .. "\nhint: " .. e.hint end }

  -- Calls with a place for the error behind the arguments; a failure is thrown, with code, message and hint.
  function uptls.call(name, ...)
    local place = ffi.new "uptls_error *[1]"
    local arguments, count = { ... }, select("#", ...)
    arguments[count + 1] = place
    local status = uptls.C["uptls_" .. name](unpack(arguments, 1, count + 1))
    if status >= 0 then return status end
    local error_ = ffi.gc(place[0], uptls.C.uptls_error_free)
    local function say(what) return ffi.string(uptls.C["uptls_error_" .. what](error_)) end
    error(setmetatable({ status = status, code = say "code", message = say "message", hint = say "hint" }, text), 0)
  end

  -- The same for a call whose result is an object, which `release` frees: in any order, so the collector may do it.
  function uptls.new(kind, release, name, ...)
    local out = ffi.new("uptls_" .. kind .. " *[1]")
    local arguments, count = { ... }, select("#", ...)
    arguments[count + 1] = out
    uptls.call(name, unpack(arguments, 1, count + 1))
    return ffi.gc(out[0], uptls.C["uptls_" .. kind .. release])
  end

  return uptls
end

return of
