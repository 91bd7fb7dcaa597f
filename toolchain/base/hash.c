#include "base/hash.h"

#include <nettle/sha2.h>
#include <stdio.h>

wick_hash wick_hash_bytes(const void *data, size_t len) {
    wick_hash hash;
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, len, data);
    sha256_digest(&context, sizeof hash.bytes, hash.bytes);
    for (size_t i = 0; i < sizeof hash.bytes; i++)
        snprintf(hash.hex + 2 * i, 3, "%02x", hash.bytes[i]);
    return hash;
}
