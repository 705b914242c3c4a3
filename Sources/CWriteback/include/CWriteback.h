// sync_file_range(2), which Swift's Glibc does not show: it is declared for those alone who ask for
// GNU's extensions before the first header.
#ifndef CADASTRE_CWRITEBACK_H
#define CADASTRE_CWRITEBACK_H

#include <stdint.h>

/// Asks that what was written in a range of a file be on its way to the device, and does not wait for
/// it to arrive. Zero, or -1 and errno.
int cadastre_start_writeback(int descriptor, int64_t offset, int64_t count);

#endif
