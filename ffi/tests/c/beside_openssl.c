/* OpenSSL and libuptls in one program, each with a verified connection to the same server. Arguments: policy, CA, address,
 * port. The server demands a certificate; OpenSSL has none here, and its handshake goes well all the same. */
#include <openssl/ssl.h>

#include "check.h"

static void with_openssl(const char *ca, const char *address, const char *port) {
  char target[128];
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  BIO *bio;
  SSL *ssl;
  CHECK(context != NULL);
  CHECK(SSL_CTX_load_verify_locations(context, ca, NULL) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  bio = BIO_new_ssl_connect(context);
  CHECK(bio != NULL && BIO_get_ssl(bio, &ssl) == 1);
  CHECK(SSL_set1_host(ssl, "pay.test") == 1 && SSL_set_tlsext_host_name(ssl, "pay.test") == 1);
  CHECK(snprintf(target, sizeof target, "%s:%s", address, port) > 0);
  BIO_set_conn_hostname(bio, target);
  CHECK(BIO_do_handshake(bio) == 1);
  CHECK(SSL_get_verify_result(ssl) == X509_V_OK);
  puts(OpenSSL_version(OPENSSL_VERSION));
  BIO_free_all(bio);
  SSL_CTX_free(context);
}

static void with_uptls(const char *path, const char *address, const char *port) {
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_connector *connector;
  uptls_stream *stream;
  uptls_error *error;
  CHECK(uptls_runtime_new(&runtime, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  uptls_stream_connect(connector, "pay.test", (uint16_t)atoi(port), address, NULL, &stream, &error);
  CHECK(error == NULL && stream != NULL);
  puts("uptls: OK");
  uptls_stream_free(stream);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
}

int main(int argc, char **argv) {
  CHECK(argc == 5);
  with_openssl(argv[2], argv[3], argv[4]);
  with_uptls(argv[1], argv[3], argv[4]);
  with_openssl(argv[2], argv[3], argv[4]);
  return 0;
}
