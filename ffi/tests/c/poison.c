/* A panic inside a call: that object is poisoned, and no other. Only against a debug build, which has the hooks. Arguments:
 * policy, unix seconds. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

uptls_status uptls_debug_panic_builder(uptls_builder *builder, uptls_error **err);
uptls_status uptls_debug_panic_conn(uptls_conn *conn, uptls_error **err);
uptls_status uptls_debug_panic_runtime(const uptls_runtime *runtime, uptls_error **err);

static void poisoned(uptls_conn *conn) {
  uptls_error *error;
  uptls_evidence *evidence;
  size_t count;
  char data[1], *report;
  net_failed(uptls_conn_feed(conn, "x", 1, &count, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_feed_eof(conn, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_feed_error(conn, ECONNRESET, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_drain(conn, data, 1, &count, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_read(conn, data, 1, &count, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_write(conn, data, 1, &count, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_close_notify(conn, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_expire(conn, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_evidence(conn, &evidence, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_conn_report(conn, &report, &error), error, UPTLS_E_PANIC, "panic");
  CHECK(uptls_conn_wants(conn) == 0 && !uptls_conn_pending(conn) && uptls_conn_timeout_ms(conn) == -1);
  CHECK(uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_FAILED);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  uptls_conn *conn, *other;
  uptls_builder *builder;
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_error *error;
  CHECK(argc == 3);
  connector = net_connector(argv[1], argv[2]);
  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
  CHECK(uptls_conn_new(connector, HOST, NULL, &other, NULL) == UPTLS_OK);
  net_failed(uptls_debug_panic_conn(conn, &error), error, UPTLS_E_PANIC, "panic");
  poisoned(conn);
  CHECK(uptls_conn_wants(other) & UPTLS_WANTS_WRITE); /* another of the same connector goes on */
  CHECK(uptls_conn_handshake_state(other) == UPTLS_HANDSHAKE_RUNNING);
  uptls_conn_free(conn);
  uptls_conn_free(other);

  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK && uptls_runtime_new(&runtime, NULL) == UPTLS_OK);
  net_failed(uptls_debug_panic_builder(builder, &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_builder_set_name(builder, "x", &error), error, UPTLS_E_PANIC, "panic");
  net_failed(uptls_builder_build(builder, runtime, &policy, &error), error, UPTLS_E_PANIC, "panic");
  CHECK(policy == NULL);
  uptls_builder_free(builder);

  net_failed(uptls_debug_panic_runtime(runtime, &error), error, UPTLS_E_PANIC, "panic");
  CHECK(uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK); /* it is shared */
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  uptls_connector_unref(connector);
  return 0;
}
