// CRC32C (Castagnoli, RFC 3720 appendix B.4), the checksum of every envelope on disk.
//
// Sums chain: the sum of a piece is the seed of the next one. Zero starts a plain sum; any other
// seed ties the sum to whoever knows it.
#ifndef CADASTRE_CCHECKSUM_H
#define CADASTRE_CCHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Sums with the processor's instruction where there is one, else by table.
uint32_t cadastre_crc32c(uint32_t seed, const void *bytes, size_t count);

/// Sums by table; the same result on every machine.
uint32_t cadastre_crc32c_portable(uint32_t seed, const void *bytes, size_t count);

/// Whether `cadastre_crc32c` uses an instruction of this processor.
bool cadastre_crc32c_is_accelerated(void);

#endif
