// The system's OpenSSL 3. Macros with casts do not import into Swift: each gets a static inline
// function here that wraps and never decides.
#ifndef CADASTRE_COPENSSL_SHIM_H
#define CADASTRE_COPENSSL_SHIM_H
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline void cadastre_BIO_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void cadastre_BIO_clear_retry_flags(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline int cadastre_SSL_CTX_set_min_proto_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline int cadastre_SSL_CTX_set_max_proto_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_max_proto_version(context, version);
}
static inline int cadastre_SSL_CTX_set1_groups_list(SSL_CTX *context, const char *groups) {
    return (int)SSL_CTX_set1_groups_list(context, (char *)groups);
}
static inline void cadastre_SSL_CTX_set_mode(SSL_CTX *context, long mode) {
    (void)SSL_CTX_set_mode(context, mode);
}
static inline void cadastre_SSL_CTX_set_session_cache_mode(SSL_CTX *context, long mode) {
    (void)SSL_CTX_set_session_cache_mode(context, mode);
}
static inline void cadastre_SSL_CTX_set_max_cert_list(SSL_CTX *context, long size) {
    (void)SSL_CTX_set_max_cert_list(context, size);
}
static inline EVP_PKEY *cadastre_EVP_EC_gen(const char *curve) {
    return EVP_EC_gen(curve);
}
static inline EVP_PKEY *cadastre_EVP_RSA_gen(unsigned int bits) {
    return EVP_RSA_gen(bits);
}
static inline uint64_t cadastre_SSL_OP_NO_TICKET(void) { return SSL_OP_NO_TICKET; }
static inline uint64_t cadastre_SSL_OP_NO_COMPRESSION(void) { return SSL_OP_NO_COMPRESSION; }
static inline uint64_t cadastre_SSL_OP_NO_RENEGOTIATION(void) { return SSL_OP_NO_RENEGOTIATION; }
static inline uint64_t cadastre_SSL_OP_CIPHER_SERVER_PREFERENCE(void) {
    return SSL_OP_CIPHER_SERVER_PREFERENCE;
}
#endif
