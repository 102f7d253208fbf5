/* Lengths that are huge: of places that are really that large, and of some that do not exist. Arguments: policy, unix
 * seconds. */
#define _DEFAULT_SOURCE
#include <sys/mman.h>

#include "net.h"

#define HUGE_LENGTH ((size_t)1 << 31)

int main(int argc, char **argv) {
  uptls_connector *connector;
  uptls_runtime *runtime;
  uptls_builder *builder;
  uptls_policy *policy;
  uptls_conn *conn;
  uptls_error *error;
  size_t count;
  char *report, *huge = mmap(NULL, HUGE_LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(argc == 3);
  CHECK(huge != MAP_FAILED);
  connector = net_connector(argv[1], argv[2]);
  CHECK(uptls_runtime_new(&runtime, NULL) == UPTLS_OK);
  CHECK(uptls_connector_policy(connector, &policy, NULL) == UPTLS_OK);

  net_failed(uptls_policy_verify(policy, (uint8_t *)huge, SIZE_MAX, NULL, &report, &error), error, UPTLS_E_USAGE, "misuse");
  uptls_policy_unref(policy);
  net_failed(uptls_policy_from_document(runtime, (uint8_t *)huge, HUGE_LENGTH, "huge", NULL, 0, &policy, &error), error,
             UPTLS_E_CONFIG, "document_too_large");
  net_failed(uptls_policy_from_manifest_text(runtime, (uint8_t *)huge, HUGE_LENGTH, "huge", "shop/pay", NULL, 0, 0, &policy,
                                             &error),
             error, UPTLS_E_CONFIG, "document_too_large");
  CHECK(policy == NULL);

  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
  CHECK(uptls_conn_drain(conn, huge, HUGE_LENGTH, &count, NULL) == UPTLS_OK && count > 100 && count <= 65536);
  CHECK(uptls_conn_drain(conn, huge, HUGE_LENGTH, &count, NULL) == UPTLS_OK && count == 0);
  CHECK(uptls_conn_read(conn, huge, HUGE_LENGTH, &count, NULL) == UPTLS_WANT_READ && count == 0);
  CHECK(uptls_conn_write(conn, huge, HUGE_LENGTH, &count, NULL) == UPTLS_WANT_READ && count == 0);
  net_failed(uptls_conn_read(conn, huge, SIZE_MAX, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_drain(conn, huge, SIZE_MAX, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_write(conn, huge, SIZE_MAX, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_feed(conn, huge, SIZE_MAX, &count, &error), error, UPTLS_E_USAGE, "misuse");
  /* nothing at all */
  CHECK(uptls_conn_feed(conn, NULL, 0, &count, NULL) == UPTLS_OK && count == 0);
  CHECK(uptls_conn_drain(conn, NULL, 0, &count, NULL) == UPTLS_OK && count == 0);
  CHECK(uptls_conn_read(conn, NULL, 0, &count, NULL) == UPTLS_WANT_READ);
  /* zeros are no TLS: the first of them end it (where the ClientHello was drained to, it still stands) */
  memset(huge, 0, 65536);
  net_failed(uptls_conn_feed(conn, huge, HUGE_LENGTH, &count, &error), error, UPTLS_E_PROTOCOL, "peer_not_tls");
  CHECK(count == 0);
  uptls_conn_free(conn);

  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  net_failed(uptls_builder_add_ca_pem(builder, (uint8_t *)huge, SIZE_MAX, NULL, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_builder_set_identity_pem(builder, (uint8_t *)"x", 1, (uint8_t *)huge, SIZE_MAX, NULL, 0, &error), error,
             UPTLS_E_USAGE, "misuse");
  uptls_builder_free(builder);
  uptls_connector_unref(connector);
  uptls_runtime_free(runtime);
  CHECK(munmap(huge, HUGE_LENGTH) == 0);
  return 0;
}
