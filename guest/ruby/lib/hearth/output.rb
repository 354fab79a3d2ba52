# frozen_string_literal: true

require 'json'
require 'logger'

module Hearth
  # What a function prints: `puts` and Logger become framed events (one log event each, newlines included), what is
  # written to STDOUT and STDERR goes out raw. Child processes write to the real descriptors.
  module Output
    # Where Logger writes.
    class Sink
      def write(text)
        Channel.log(Channel::EVENT_KIND, text.to_s.delete_suffix("\n"))
      end

      def close; end

      def reopen(*); end
    end

    UTF8 = { invalid: :replace, undef: :replace, replace: '�' }.freeze

    # Ruby's own form with the request's id in it.
    class TextFormatter < Logger::Formatter
      def call(severity, time, progname, message)
        text = format('%<sign>s, [%<time>s #%<process>d] %<severity>5s %<request>s -- %<name>s: %<text>s',
                      sign: severity[0..0], time: format_datetime(time), process: Process.pid, severity: severity,
                      request: $_global_aws_request_id, name: progname, text: msg2str(message))
        "#{text.encode('UTF-8', **UTF8)}\n"
      end
    end

    # The JSON log format.
    class JsonFormatter < Logger::Formatter
      def call(severity, time, progname, message)
        failed = message.is_a?(Exception)
        entry = { timestamp: time.utc.strftime('%Y-%m-%dT%H:%M:%S.%6NZ'), level: severity,
                  message: clean(failed ? message.message : msg2str(message)), requestId: $_global_aws_request_id }
        entry[:logger] = clean(progname) unless progname.nil? || progname.to_s.empty?
        entry.merge!(failure(message)) if failed
        "#{JSON.generate(entry.compact)}\n"
      end

      private

      def failure(error)
        trace = Array(error.backtrace).map { |line| clean(line) }
        place = trace.first&.match(/\A(?<file>.+):(?<line>\d+):in [`'](?<name>.+)'\z/)
        location = place ? "#{place[:file]}:#{place[:name]}:#{place[:line]}" : trace.first
        { errorType: error.class.to_s, errorMessage: clean(error.message), stackTrace: trace, location: location }
      end

      def clean(value)
        value.to_s.encode('UTF-8', **UTF8)
      end
    end

    # Loggers to nothing or to a standard stream write events.
    module Logging
      def initialize(device = nil, *rest, **options)
        standard = device.nil? || [$stdout, $stderr, STDOUT, STDERR].any? { |stream| stream.equal?(device) }
        options[:level] = Output.level if standard && !options.key?(:level) && Output.level
        super(standard ? Output::SINK : device, *rest, **options)
        @default_formatter = Output.formatter if standard
      end
    end

    SINK = Sink.new

    class << self
      def formatter
        ENV['AWS_LAMBDA_LOG_FORMAT'] == 'JSON' ? JsonFormatter.new : TextFormatter.new
      end

      # The function's log level in Ruby's words, or nil.
      def level
        { 'TRACE' => 'debug', 'WARN' => 'warn' }[ENV['AWS_LAMBDA_LOG_LEVEL']] || ENV['AWS_LAMBDA_LOG_LEVEL']&.downcase
      end

      # One log event.
      def event(text)
        SINK.write(text)
      end

      def patch
        raw(STDOUT, Channel::STDOUT_KIND)
        raw(STDERR, Channel::STDERR_KIND)
        Logger.prepend(Logging)
        Kernel.module_eval do
          def puts(*values)
            Hearth::Output.event(values.flatten.map { |value| value.to_s.encode('UTF-8') }.join("\n"))
          end
        end
      end

      private

      # Methods in C that print all end in `write`.
      def raw(stream, kind)
        stream.sync = true
        stream.define_singleton_method(:write) do |*parts|
          texts = parts.map(&:to_s)
          Channel.log(kind, texts.join) unless texts.all?(&:empty?)
          texts.sum(&:bytesize)
        end
      end
    end
  end
end
