# frozen_string_literal: true

require 'json'
require 'stringio'

module AwsLambda
  # JSON to objects and back. Functions may replace either method.
  class Marshaller
    class << self
      def marshall_request(request)
        request['Content-Type'] == 'application/json' ? JSON.parse(request.body) : request.body
      end

      # A stream is sent as it is.
      def marshall_response(response)
        case response
        when StringIO, IO then [response, 'application/unknown']
        else response.to_json
        end
      end
    end
  end
end

# An invocation as a response of the Runtime API would show it.
class LambdaRequest
  attr_reader :body

  def initialize(headers, body)
    @headers = headers
    @body = body
  end

  def [](name)
    @headers[name]
  end
end

# The method that `file.method` or `file.Class.method` names.
class LambdaHandler
  attr_reader :handler_file_name

  def initialize(name)
    parts = name.split('.')
    unless [2, 3].include?(parts.size)
      raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where " \
                           'FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional ' \
                           'module/class namespace and METHOD is a callable method. If using CLASS, METHOD must be a ' \
                           'class-level method.'
    end
    @handler_file_name = parts.first
    @class_name = parts[1] if parts.size == 3
    @method_name = parts.last
  end

  # Returns the response's text.
  def call(event, context)
    found = if @class_name
              Kernel.const_get(@class_name).send(@method_name, event: event, context: context)
            else
              __send__(@method_name, event: event, context: context)
            end
    text, type = AwsLambda::Marshaller.marshall_response(found)
    type == 'application/unknown' ? text.read : text
  end
end
