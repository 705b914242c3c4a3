#ifndef CADASTRE_CSQLITE_SHIM_H
#define CADASTRE_CSQLITE_SHIM_H
#include <sqlite3.h>

// What Swift cannot import: macros with casts and variadic functions. Shims wrap; they never decide.

/// Binds bytes that SQLite copies before this returns.
static inline int cadastre_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int size) {
    return sqlite3_bind_blob(statement, index, bytes, size, SQLITE_TRANSIENT);
}

/// Sets one Boolean option of a connection.
static inline int cadastre_db_config(sqlite3 *database, int option, int value) {
    return sqlite3_db_config(database, option, value, (int *)0);
}

/// Turns off the count of memory in use, which costs a lock at each allocation. Before the first
/// other call to SQLite in the process; later it does nothing.
static inline int cadastre_configure(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/// A file opened by our VFS: SQLite's own part first, then the handle of the Swift side.
typedef struct cadastre_file {
    sqlite3_file base;
    void *handle;
} cadastre_file;
#endif
