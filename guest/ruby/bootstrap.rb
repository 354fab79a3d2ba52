# frozen_string_literal: true

# Runtime of ruby3.2 and later: boots, says HELLO, becomes the function that INIT names, and serves invocations.
# Only the standard library; behaves as Lambda's own client (aws_lambda_ric).
require_relative 'lib/hearth/runtime'

Hearth::Runtime.new.run
