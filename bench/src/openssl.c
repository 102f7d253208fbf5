/* A verified client of OpenSSL over memory: what a careful C program would write, for the comparison in openssl.rs. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

/* What is made once: trust, the time, and the newest session. */
struct bench_side {
  SSL_CTX *context;
  SSL_SESSION *session;
  const char *host;
};

static int remember(SSL *ssl, SSL_SESSION *session) {
  struct bench_side *side = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  SSL_SESSION_free(side->session);
  side->session = session;
  return 1;
}

/* NULL where it cannot be made. `host` must live as long; `at`: unix seconds of every verification. */
struct bench_side *bench_openssl_new(const char *pem, size_t length, const char *host, int64_t at) {
  struct bench_side *side = calloc(1, sizeof *side);
  BIO *bio = BIO_new_mem_buf(pem, (int)length);
  X509 *root = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
  BIO_free(bio);
  if (side == NULL || root == NULL || (side->context = SSL_CTX_new(TLS_client_method())) == NULL) return NULL;
  side->host = host;
  X509_STORE_add_cert(SSL_CTX_get_cert_store(side->context), root);
  X509_free(root);
  X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(side->context), (time_t)at);
  SSL_CTX_set_verify(side->context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_min_proto_version(side->context, TLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(side->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(side->context, remember);
  SSL_CTX_set_app_data(side->context, side);
  return side;
}

void bench_openssl_free(struct bench_side *side) {
  SSL_SESSION_free(side->session);
  SSL_CTX_free(side->context);
  free(side);
}

SSL *bench_openssl_begin(struct bench_side *side) {
  SSL *ssl = SSL_new(side->context);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  if (ssl == NULL || in == NULL || out == NULL) return NULL;
  SSL_set_bio(ssl, in, out);
  if (!SSL_set_tlsext_host_name(ssl, side->host) || !SSL_set1_host(ssl, side->host)) return NULL;
  if (side->session != NULL && !SSL_set_session(ssl, side->session)) return NULL;
  SSL_set_connect_state(ssl);
  SSL_do_handshake(ssl);
  return ssl;
}

/* Whatever is freed without an end of its data would take its session with it. */
void bench_openssl_end(SSL *ssl) {
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl);
}

int bench_openssl_is_done(const SSL *ssl) { return SSL_is_init_finished(ssl); }

/* Bytes from the server. With `settle`, tickets that came after the handshake are taken at once. -1: a failure. */
int bench_openssl_feed(SSL *ssl, const void *bytes, size_t length, int settle) {
  char none;
  int got, error;
  if (BIO_write(SSL_get_rbio(ssl), bytes, (int)length) != (int)length) return -1;
  if (!SSL_is_init_finished(ssl)) {
    got = SSL_do_handshake(ssl);
  } else if (settle) {
    got = SSL_peek(ssl, &none, sizeof none);
  } else {
    return 0;
  }
  error = SSL_get_error(ssl, got);
  return got > 0 || error == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* Bytes for the server; 0: there are no more. */
size_t bench_openssl_drain(SSL *ssl, void *out, size_t capacity) {
  int got = BIO_read(SSL_get_wbio(ssl), out, (int)capacity);
  return got > 0 ? (size_t)got : 0;
}

size_t bench_openssl_read(SSL *ssl, void *out, size_t capacity) {
  size_t got = 0;
  return SSL_read_ex(ssl, out, capacity, &got) ? got : 0;
}

size_t bench_openssl_write(SSL *ssl, const void *data, size_t length) {
  size_t written = 0;
  return SSL_write_ex(ssl, data, length, &written) ? written : 0;
}

/* What was negotiated, as IANA calls it. */
const char *bench_openssl_cipher(const SSL *ssl) { return SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl)); }

const char *bench_openssl_version(const SSL *ssl) { return SSL_get_version(ssl); }

const char *bench_openssl_group(SSL *ssl) { return SSL_group_to_name(ssl, SSL_get_negotiated_group(ssl)); }

const char *bench_openssl_library(void) { return OpenSSL_version(OPENSSL_VERSION); }

/* What a program keeps for one of many policies: a context that trusts the whole bundle and demands a name. NULL: it cannot be
 * made. */
SSL_CTX *bench_openssl_context(const char *pem, size_t length, const char *host) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  BIO *bio = BIO_new_mem_buf(pem, (int)length);
  X509 *root;
  if (context == NULL || bio == NULL) return NULL;
  while ((root = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root);
    X509_free(root);
  }
  ERR_clear_error();
  BIO_free(bio);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  return X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(context), host, 0) ? context : NULL;
}

void bench_openssl_context_free(SSL_CTX *context) { SSL_CTX_free(context); }
