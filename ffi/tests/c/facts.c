/* What evidence says of a protocol, of our own certificate, of resumption, and of what is current. Arguments: a policy with
 * protocols and an identity, unix seconds, port of a server that wants both, port of one that wants neither. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

/* One exchange with these protocols (NULL: all of the policy's), and the evidence of it. */
static uptls_evidence *exchange(uptls_connector *connector, const char *port, const char *alpn) {
  static char text[4096];
  uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL};
  uptls_stream *stream;
  uptls_evidence *evidence;
  uptls_status status;
  size_t count, used = 0;
  options.alpn = alpn;
  CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", &options, &stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_write(stream, REQUEST, strlen(REQUEST), &count, NULL) == UPTLS_OK && count == strlen(REQUEST));
  while ((status = uptls_stream_read(stream, text + used, sizeof text - used, &count, NULL)) == UPTLS_OK) used += count;
  CHECK(status == UPTLS_CLOSED && used > 0);
  CHECK(uptls_stream_evidence(stream, &evidence, NULL) == UPTLS_OK);
  uptls_stream_free(stream); /* the evidence outlives it */
  return evidence;
}

static void held(uptls_runtime *runtime, int some) {
  size_t count = 99, bytes = 99;
  CHECK(uptls_runtime_held_sessions(runtime, &count, &bytes, NULL) == UPTLS_OK);
  CHECK(some ? count > 0 && bytes > 0 : count == 0 && bytes == 0);
}

int main(int argc, char **argv) {
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_connector *connector;
  uptls_evidence *first, *second, *third;
  uptls_error *error;
  uptls_conn *conn;
  const uint8_t *protocol;
  size_t length;
  uptls_connect_options options = {sizeof options, 0, "h2,spdy/3", NULL, 0, NULL};
  CHECK(argc == 5);
  CHECK(uptls_runtime_new_at(strtoll(argv[2], NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  held(runtime, 0);

  first = exchange(connector, argv[3], NULL);
  CHECK_TEXT(uptls_evidence_alpn(first), "h2");
  CHECK(uptls_evidence_alpn_bytes(first, &protocol, &length, NULL) == UPTLS_OK && length == 2 && memcmp(protocol, "h2", 2) == 0);
  CHECK(uptls_evidence_identity(first) == UPTLS_IDENTITY_SENT && !uptls_evidence_identity_unused(first));
  CHECK(!uptls_evidence_resumed(first));
  held(runtime, 1);
  second = exchange(connector, argv[3], "http/1.1"); /* narrowed, and resumed */
  CHECK_TEXT(uptls_evidence_alpn(second), "http/1.1");
  CHECK(uptls_evidence_resumed(second) && uptls_evidence_identity(second) == UPTLS_IDENTITY_SENT);
  CHECK_TEXT(uptls_evidence_fingerprint(second), uptls_policy_fingerprint(policy));
  third = exchange(connector, argv[4], ""); /* none is offered */
  CHECK(uptls_evidence_alpn(third) == NULL);
  CHECK(uptls_evidence_alpn_bytes(third, &protocol, &length, NULL) == UPTLS_OK && protocol == NULL && length == 0);
  CHECK(uptls_evidence_identity(third) == UPTLS_IDENTITY_NOT_REQUESTED && uptls_evidence_identity_unused(third));
  net_failed(uptls_conn_new(connector, HOST, &options, &conn, &error), error, UPTLS_E_USAGE, "misuse"); /* never widened */
  CHECK(conn == NULL);

  CHECK(uptls_connector_is_current(connector, first));
  CHECK(uptls_connector_withdraw(connector, NULL) == UPTLS_OK);
  CHECK(!uptls_connector_is_current(connector, first));
  net_failed(uptls_conn_new(connector, HOST, NULL, &conn, &error), error, UPTLS_E_CONFIG, "policy_withdrawn");
  held(runtime, 0); /* what was withdrawn is not resumed */
  uptls_evidence_unref(first);
  uptls_evidence_unref(second);
  uptls_evidence_unref(third);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return 0;
}
