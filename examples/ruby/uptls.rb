# libuptls for Ruby's Fiddle, made of its description: Uptls.load(PREFIX), where `make install PREFIX=...` put it.
require "fiddle"
require "json"

module Uptls
  # A failure: its code is the same in every language.
  class Error < StandardError
    attr_reader :code, :hint

    def initialize(code, message, hint)
      @code, @hint = code, hint
      super("#{code}: #{message}\nhint: #{hint}")
    end
  end

  # An object of the library. They can be freed in any order, so the collector may do it.
  class Handle
    attr_reader :to_ptr

    def initialize(pointer, free)
      @to_ptr = pointer
      ObjectSpace.define_finalizer(self, proc { free.call(pointer) })
    end
  end

  SIZES = {
    "void" => Fiddle::TYPE_VOID, "int" => Fiddle::TYPE_INT, "short" => Fiddle::TYPE_SHORT, "size_t" => Fiddle::TYPE_SIZE_T,
    "int32_t" => Fiddle::TYPE_INT, "uint32_t" => -Fiddle::TYPE_INT, "uint16_t" => -Fiddle::TYPE_SHORT,
    "int64_t" => Fiddle::TYPE_LONG_LONG, "uint64_t" => -Fiddle::TYPE_LONG_LONG
  }.freeze

  module_function

  def load(prefix)
    api = JSON.parse(File.read("#{prefix}/share/uptls/uptls-api.json"))
    library = Fiddle.dlopen("#{prefix}/lib/libuptls.so")
    names = api["types"].to_h { |entry| [entry["name"], entry["type"]] }
    type = lambda do |name|
      name = names.fetch(name, name)
      name.include?("*") ? Fiddle::TYPE_VOIDP : SIZES.fetch(name)
    end
    @functions = api["functions"].to_h do |entry|
      parameters = entry["parameters"].map { |parameter| type.call(parameter["type"]) }
      [entry["name"], Fiddle::Function.new(library[entry["name"]], parameters, type.call(entry["returns"]))]
    end
    api["constants"].each { |constant| const_set(constant["name"].delete_prefix("UPTLS_"), constant["value"]) }
  end

  def function(name)
    @functions.fetch("uptls_#{name}")
  end

  # Calls with a place for the error behind the arguments, and raises a failure.
  def call(name, *arguments)
    place = Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE)
    status = function(name).call(*arguments, place)
    return status if status >= 0

    error = place.ptr
    code, message, hint = %w[code message hint].map { |what| function("error_#{what}").call(error).to_s.force_encoding("UTF-8") }
    function("error_free").call(error)
    raise Error.new(code, message, hint)
  end

  # The same for a call whose result is an object, which `free` frees.
  def create(free, name, *arguments)
    out = Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE)
    call(name, *arguments, out)
    Handle.new(out.ptr, function(free))
  end
end
