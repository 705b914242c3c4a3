// The two ways to sum, and the choice between them at run time. See CChecksum.h.
#include "CChecksum.h"

#include <string.h>

// Reflected Castagnoli polynomial.
#define POLYNOMIAL 0x82f63b78u

static uint32_t tables[8][256];

// Runs once before anything else of the process, so the tables need no lock.
__attribute__((constructor)) static void fill_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) {
            sum = (sum >> 1) ^ ((sum & 1) ? POLYNOMIAL : 0);
        }
        tables[0][byte] = sum;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int table = 1; table < 8; table++) {
            uint32_t before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
}

uint32_t cadastre_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint32_t sum = ~seed;
    while (count >= 8) {
        // Byte by byte, so that the order of the machine does not matter.
        uint32_t low = sum ^ ((uint32_t)next[0] | (uint32_t)next[1] << 8 | (uint32_t)next[2] << 16
                              | (uint32_t)next[3] << 24);
        sum = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff]
            ^ tables[4][low >> 24] ^ tables[3][next[4]] ^ tables[2][next[5]] ^ tables[1][next[6]]
            ^ tables[0][next[7]];
        next += 8;
        count -= 8;
    }
    while (count > 0) {
        sum = (sum >> 8) ^ tables[0][(sum ^ *next) & 0xff];
        next++;
        count--;
    }
    return ~sum;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t sum_accelerated(
    uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint64_t sum = (uint32_t)~seed;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        sum = _mm_crc32_u64(sum, word);
        next += 8;
        count -= 8;
    }
    uint32_t rest = (uint32_t)sum;
    while (count > 0) {
        rest = _mm_crc32_u8(rest, *next);
        next++;
        count--;
    }
    return ~rest;
}

bool cadastre_crc32c_is_accelerated(void) {
    return __builtin_cpu_supports("sse4.2");
}

uint32_t cadastre_crc32c(uint32_t seed, const void *bytes, size_t count) {
    if (cadastre_crc32c_is_accelerated()) {
        return sum_accelerated(seed, bytes, count);
    }
    return cadastre_crc32c_portable(seed, bytes, count);
}
#else
bool cadastre_crc32c_is_accelerated(void) {
    return false;
}

uint32_t cadastre_crc32c(uint32_t seed, const void *bytes, size_t count) {
    return cadastre_crc32c_portable(seed, bytes, count);
}
#endif
