#ifndef CADASTRE_CSQLITE_SHIM_H
#define CADASTRE_CSQLITE_SHIM_H
#include <sqlite3.h>
#endif
