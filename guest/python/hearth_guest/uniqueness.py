"""What keeps two clones of one snapshot from drawing the same values: every generator of this process that lives in its
memory gets a new seed from the kernel, whose own generator the sandbox's agent has renewed before we hear of the restore.

`secrets`, `uuid.uuid4` and `os.urandom` ask the kernel themselves. A generator that the function made for itself
(`random.Random(7)`, `numpy.random.default_rng()`) is its own business.
"""

import os
import sys

# Twice what a 256-bit generator takes as its seed.
_SEED_BYTES = 64


def reseed():
    """Touches only what is loaded: what is not, seeds itself when it is."""
    modules = sys.modules
    ssl = modules.get("_ssl")
    if ssl is not None:
        # OpenSSL's, for handshakes and keys: reseeding the primary generator makes those of all threads follow.
        ssl.RAND_add(os.urandom(_SEED_BYTES), float(_SEED_BYTES))
    random = modules.get("random")
    if random is not None:
        random.seed()
    tempfile = modules.get("tempfile")
    if tempfile is not None:
        # Names of temporary files come from a generator that is made once.
        tempfile._name_sequence = None
    uuid = modules.get("uuid")
    if uuid is not None:
        # uuid1's: clones have the same network address, so the node is random, with the bit that says so (RFC 9562).
        uuid._node = int.from_bytes(os.urandom(6), "big") | 1 << 40
        uuid._last_timestamp = None
        uuid._generate_time_safe = None
    numpy = modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
