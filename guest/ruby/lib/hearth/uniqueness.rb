# frozen_string_literal: true

module Hearth
  # What keeps two clones of one snapshot from drawing the same values: generators that live in this process's memory get
  # a new seed from the kernel, whose own generator the sandbox's agent has renewed before we hear of the restore.
  # SecureRandom asks the kernel itself.
  module Uniqueness
    # Twice what a 256-bit generator takes as its seed.
    SEED_BYTES = 64

    def self.reseed
      Random.srand
      OpenSSL::Random.random_add(Random.urandom(SEED_BYTES), SEED_BYTES.to_f) if defined?(OpenSSL::Random)
    end
  end
end
