# frozen_string_literal: true

require_relative 'channel'
require_relative 'context'
require_relative 'handler'
require_relative 'output'
require_relative 'uniqueness'

module Hearth
  # Loads the handler, then takes invocations.
  class Runtime
    HOME = File.expand_path('../..', __dir__)
    private_constant :HOME

    # Exit statuses of Lambda's own client: after an error while loading, and after one that no handler survives.
    LOADING_FAILED = -4
    HANDLER_FAILED = -1
    # As many lines of a trace are reported.
    LINES_MAX = 100

    def run
      Channel.send(Channel::HELLO)
      type, body = Channel.receive
      while type == Channel::REHEARSE
        Channel.send(Channel::REHEARSED)
        type, body = Channel.receive
      end
      become(JSON.parse(body))
      Channel.send(Channel::INIT_DONE)
      loop { take(*Channel.receive) }
    end

    private

    def take(type, body)
      case type
      when Channel::INVOKE then invoke(body)
      # What a clone does first is done once now, so that it finds it in memory.
      when Channel::PAUSE
        Uniqueness.reseed
        Channel.send(Channel::PAUSED)
      when Channel::RESTORE
        Uniqueness.reseed if JSON.parse(body)['reseed']
        Channel.send(Channel::RESTORE_DONE)
      # Nothing to do: it is asked where instructions are translated the first time they run.
      when Channel::REHEARSE then Channel.send(Channel::REHEARSED)
      end
    end

    def become(init)
      # Before any code of the function: what it draws while it loads must be its own, too.
      Uniqueness.reseed if init['reseed']
      # A wrapper may have put its own handler before the function's: tracing layers do.
      name = init['inherited'] ? ENV.fetch('_HANDLER', init['handler']) : init['handler']
      ENV.replace(init['env']) unless init['inherited']
      ENV.delete('HEARTH_SNAPSHOTS')
      Dir.chdir(init['taskRoot'])
      prepare_paths(init['taskRoot'])
      Output.patch
      load_handler(name)
    end

    # What Ruby reads of the environment when it starts: this process started before it knew the function.
    def prepare_paths(task_root)
      Gem.clear_paths
      wanted = [task_root, *ENV.fetch('RUBYLIB', '').split(':')].uniq
      $LOAD_PATH.unshift(*(wanted - $LOAD_PATH))
    end

    def load_handler(name)
      @handler = LambdaHandler.new(name)
      require @handler.handler_file_name
    rescue Exception => e # rubocop:disable Lint/RescueException
      failed = report(e, 'Init')
      Output.event("Init error when loading handler #{name}")
      Output.event(JSON.pretty_generate(failed))
      Channel.send(Channel::INIT_ERROR, failed.to_json)
      exit(LOADING_FAILED)
    end

    def invoke(body)
      header_bytes = body.unpack1('V')
      request = request_of(body.byteslice(4, header_bytes), body.byteslice(4 + header_bytes..))
      $_global_aws_request_id = request['Lambda-Runtime-Aws-Request-Id']
      answer(request)
    end

    # Lambda's client goes on after a StandardError only.
    def answer(request)
      event = AwsLambda::Marshaller.marshall_request(request)
      text = @handler.call(event, LambdaContext.new(request))
      Channel.send(Channel::RESPONSE, text)
    rescue NameError => e
      fail_with(e, 'Critical exception from handler', Channel::LAST_ERROR)
      exit(HANDLER_FAILED)
    rescue StandardError => e
      fail_with(e, 'Error raised from handler method')
    rescue Exception => e # rubocop:disable Lint/RescueException
      fail_with(e, 'Critical exception from handler', Channel::LAST_ERROR)
      exit(HANDLER_FAILED)
    end

    def fail_with(error, title, type = Channel::ERROR)
      failed = report(error, 'Function')
      Output.event(title)
      Output.event(JSON.pretty_generate(failed))
      Channel.send(type, failed.to_json)
    end

    def report(error, stage)
      lines = (error.backtrace_locations || []).first(LINES_MAX).map(&:to_s)
      trace = lines.take_while { |line| !line.start_with?(HOME) }
      { errorMessage: clean(error.message), errorType: "#{stage}<#{error.class}>", stackTrace: trace }
    end

    def clean(text)
      text.dup.force_encoding('UTF-8').scrub('�')
    end

    # The six header lines of an INVOKE frame (src/wire/channel/README.md), under the names of the Runtime API.
    def request_of(header, body)
      id, deadline, arn, trace, client, identity = header.force_encoding('UTF-8').split("\n", -1)
      trace.empty? ? ENV.delete('_X_AMZN_TRACE_ID') : ENV['_X_AMZN_TRACE_ID'] = trace
      headers = { 'Content-Type' => 'application/json', 'Lambda-Runtime-Aws-Request-Id' => id,
                  'Lambda-Runtime-Deadline-Ms' => deadline, 'Lambda-Runtime-Invoked-Function-Arn' => arn,
                  'Lambda-Runtime-Trace-Id' => trace, 'Lambda-Runtime-Client-Context' => decode(client),
                  'Lambda-Runtime-Cognito-Identity' => decode(identity) }
      LambdaRequest.new(headers.compact, body.force_encoding('UTF-8'))
    end

    def decode(base64)
      base64.unpack1('m').force_encoding('UTF-8') unless base64.empty?
    end
  end
end
