/* SHA-256 (nettle) for stamps and identities. */
#ifndef WICK_HASH_H
#define WICK_HASH_H

#include <stddef.h>
#include <stdint.h>

/* 64 hexadecimal digits and NUL. */
typedef struct wick_hash {
    char hex[65];
    uint8_t bytes[32];
} wick_hash;

wick_hash wick_hash_bytes(const void *data, size_t len);

#endif
