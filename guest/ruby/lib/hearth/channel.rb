# frozen_string_literal: true

module Hearth
  # The sandbox channel (src/wire/channel/README.md) as the runtime sees it: one stream socket, descriptor 3. Everything
  # is written at once: what a function logged must have left before an endless loop, a crash or a kill swallows it.
  module Channel
    HELLO, INIT, INIT_DONE, INIT_ERROR, INVOKE, RESPONSE, ERROR, LOG, LAST_ERROR = (1..9).to_a
    PAUSE, PAUSED, RESTORE, RESTORE_DONE, RESTORE_ERROR, REHEARSE, REHEARSED = (10..16).to_a
    STDOUT_KIND, STDERR_KIND, EVENT_KIND = (0..2).to_a

    # Behind a wrapper script, which may have closed or reused descriptor 3, there is a copy (guest/agent/supervisor.h).
    def self.descriptor
      usual, copy = [3, 200].map { |number| socket(number) }
      IO.for_fd(200).close if usual && copy && ENV['AWS_LAMBDA_EXEC_WRAPPER']
      usual ? 3 : 200
    end

    # What is open at this number, when it is a socket.
    def self.socket(number)
      opened = IO.for_fd(number, autoclose: false)
      opened if opened.stat.socket?
    rescue Errno::EBADF, ArgumentError # The virtual machine may have taken what was free.
      nil
    end

    # Not inherited by programs that the function starts.
    @socket = IO.for_fd(descriptor, 'r+b', autoclose: false)
    @socket.close_on_exec = true
    @socket.sync = true
    @lock = Mutex.new
    @owner = Process.pid

    class << self
      def send(type, body = '')
        write([body.bytesize + 1, type].pack('VC') << body.b)
      end

      # Raw output, or one event; in a forked child it goes to the real descriptors: the channel is the parent's alone.
      def log(kind, text)
        body = text.to_s.b
        return IO.for_fd(kind == STDERR_KIND ? 2 : 1, 'wb', autoclose: false).syswrite(body) if Process.pid != @owner

        milliseconds = Process.clock_gettime(Process::CLOCK_REALTIME, :float_millisecond)
        write([body.bytesize + 10, LOG, kind, milliseconds].pack('VCCE') << body)
      end

      # Waits for a frame: [type, body]. A channel that ends ends the process: nobody owns it.
      def receive
        length = @socket.read(4)&.unpack1('V')
        body = length && @socket.read(length)
        Process.exit!(0) if body.nil? || body.bytesize < length
        [body.getbyte(0), body.byteslice(1, length - 1)]
      end

      private

      def write(bytes)
        # Not in a trap handler: no lock can be taken there, and none is held by anyone else who could go on.
        @lock.owned? ? @socket.write(bytes) : @lock.synchronize { @socket.write(bytes) }
      rescue ThreadError
        @socket.write(bytes)
      rescue SystemCallError
        Process.exit!(1)
      end
    end
  end
end
