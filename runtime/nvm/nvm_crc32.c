/* SPDX-License-Identifier: 0BSD */
/* CRC-32 of IEEE 802.3, reflected (polynomial 0xEDB88320), a nibble at a time: 64 bytes of table.
   Words come in at once, which saves a third of the instructions of a commit's checksum. */
#include <wick/nvm.h>

static const uint32_t table[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 8")
#elif defined(__clang__) /* the MSP430's compiler: its shifts by four are long */
#define UNROLL _Pragma("nounroll")
#else
#define UNROLL
#endif
#define NIBBLE(crc) ((crc) = ((crc) >> 4) ^ table[(crc)&15])

uint32_t wick_crc32(uint32_t crc, const void *data, uint32_t bytes) {
    const uint8_t *p = data;
    crc = ~crc;
    for (; bytes >= 4; bytes -= 4, p += 4) {
        crc ^= wick_get32(p);
        UNROLL
        for (int i = 0; i < 8; i++)
            NIBBLE(crc);
    }
    for (; bytes != 0; bytes--, p++) {
        crc ^= *p;
        NIBBLE(crc), NIBBLE(crc);
    }
    return ~crc;
}
