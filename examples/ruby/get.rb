# A verified GET: ruby get.rb PREFIX policy.yaml HOST PORT ADDRESS
require_relative "uptls"

prefix, policy_path, host, port, address = ARGV
Uptls.load(prefix)

begin
  runtime = Uptls.create("runtime_free", "runtime_new")
  policy = Uptls.create("policy_unref", "policy_from_file", runtime, policy_path, Uptls::DANGER_FORBID)
  connector = Uptls.create("connector_unref", "connector_new", policy, Uptls::KEEP_LAST_GOOD)
  stream = Uptls.create("stream_free", "stream_connect", connector, host, port.to_i, address, nil)
  request = "GET / HTTP/1.1\r\nHost: #{host}\r\nConnection: close\r\n\r\n"
  count = Fiddle::Pointer.malloc(Fiddle::SIZEOF_SIZE_T, Fiddle::RUBY_FREE)
  until request.empty?
    Uptls.call("stream_write", stream, request, request.bytesize, count)
    request = request.byteslice(count[0, Fiddle::SIZEOF_SIZE_T].unpack1("J")..)
  end
  buffer = Fiddle::Pointer.malloc(16_384, Fiddle::RUBY_FREE)
  # CLOSED is the end; a truncated answer is raised.
  while Uptls.call("stream_read", stream, buffer, 16_384, count) == Uptls::OK
    $stdout.write(buffer[0, count[0, Fiddle::SIZEOF_SIZE_T].unpack1("J")])
  end
rescue Uptls::Error => error
  warn error.message
  exit 1
end
