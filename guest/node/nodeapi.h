/*
 * What the addons of the Node runtime use of Node-API. Its binary interface is fixed, and Node's headers are not installed
 * everywhere.
 */
#ifndef HEARTH_NODEAPI_H
#define HEARTH_NODEAPI_H

#include <stddef.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef int napi_status;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
extern napi_status napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
extern napi_status napi_get_undefined(napi_env, napi_value *);
extern napi_status napi_get_value_string_utf8(napi_env, napi_value, char *, size_t, size_t *);
extern napi_status napi_throw_error(napi_env, const char *, const char *);

/* The module is this one function itself. */
#define MODULE_IS(function)                                                                             \
  __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) { \
    (void)exports;                                                                                      \
    napi_value made = NULL;                                                                             \
    napi_create_function(env, #function, (size_t)-1, function, NULL, &made);                            \
    return made;                                                                                        \
  }

#endif
