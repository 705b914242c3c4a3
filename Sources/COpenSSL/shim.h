// The system's OpenSSL 3. Macros with casts do not import into Swift: each gets a static inline
// function here that wraps and never decides.
#ifndef CADASTRE_COPENSSL_SHIM_H
#define CADASTRE_COPENSSL_SHIM_H
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#endif
