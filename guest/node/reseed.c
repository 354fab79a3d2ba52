/*
 * Addon of the Node runtime, loaded in sandboxes that are clones of a snapshot: mixes fresh kernel entropy into the
 * generators of the OpenSSL inside Node. C, because JavaScript can read those generators and never write them, and
 * OpenSSL's RAND_add is only reachable as a symbol that the node program exports.
 *
 * RAND_add reseeds the primary generator; the per-thread ones that serve crypto, TLS and WebCrypto see at their next
 * use that their parent was reseeded, and reseed themselves (OpenSSL 3, RAND_add(3), EVP_RAND(7)).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "nodeapi.h"

/* Twice what a 256-bit generator takes as its seed. */
#define SEED_BYTES 64

static napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, "ERR_HEARTH_RESEED", message);
  return NULL;
}

static napi_value reseed(napi_env env, napi_callback_info info) {
  (void)info;
  union {
    void *symbol;
    void (*call)(const void *, int, double);
  } add = {.symbol = dlsym(RTLD_DEFAULT, "RAND_add")};
  if (add.symbol == NULL) return fail(env, "this Node does not export OpenSSL's RAND_add");
  unsigned char seed[SEED_BYTES];
  for (size_t have = 0; have < sizeof seed;) {
    ssize_t got = getrandom(seed + have, sizeof seed - have, 0);
    if (got > 0) have += (size_t)got;
    else if (errno != EINTR) return fail(env, strerror(errno));
  }
  add.call(seed, (int)sizeof seed, (double)sizeof seed);
  explicit_bzero(seed, sizeof seed);
  return NULL;
}

MODULE_IS(reseed)
