#ifndef CADASTRE_CLZ4_SHIM_H
#define CADASTRE_CLZ4_SHIM_H
#include <lz4.h>
#endif
