/* Who the peer is and whom the policy trusted for it; DER where PEM is taken; keying material; several pieces in one call.
 * Arguments: policy, unix seconds, port of an honest server, port of one that echoes. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

static uptls_stream *connected(uptls_connector *connector, const char *port) {
  uptls_stream *stream;
  CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", NULL, &stream, NULL) == UPTLS_OK);
  return stream;
}

static void names(const uptls_evidence *evidence) {
  CHECK(uptls_evidence_subject(evidence, UPTLS_CERTIFICATE_LEAF) != NULL);
  CHECK_TEXT(uptls_evidence_subject(evidence, UPTLS_CERTIFICATE_ANCHOR),
             uptls_evidence_issuer(evidence, UPTLS_CERTIFICATE_ANCHOR));
  CHECK(strcmp(uptls_evidence_sha256(evidence, UPTLS_CERTIFICATE_LEAF),
               uptls_evidence_sha256(evidence, UPTLS_CERTIFICATE_ANCHOR)) != 0);
  CHECK(strncmp(uptls_evidence_sha256(evidence, UPTLS_CERTIFICATE_LEAF), "sha256:", 7) == 0);
  CHECK(strspn(uptls_evidence_serial(evidence, UPTLS_CERTIFICATE_LEAF), "0123456789abcdef") > 0);
  CHECK(uptls_evidence_not_before(evidence, UPTLS_CERTIFICATE_LEAF) < uptls_evidence_not_after(evidence, UPTLS_CERTIFICATE_LEAF));
  CHECK(uptls_evidence_trusted_until(evidence) <= uptls_evidence_not_after(evidence, UPTLS_CERTIFICATE_LEAF));
  /* No third one. */
  CHECK(uptls_evidence_subject(evidence, 2) == NULL && uptls_evidence_not_after(evidence, -1) == 0);
  CHECK(uptls_evidence_serial(NULL, UPTLS_CERTIFICATE_LEAF) == NULL && uptls_evidence_path_count(NULL) == 0);
}

/* The leaf that the peer sent, and at the end what the policy trusts: in DER it makes a policy that accepts the same peer. */
static void path(const uptls_evidence *evidence, const char *port, const char *seconds) {
  const uint8_t *leaf, *der;
  size_t count = uptls_evidence_path_count(evidence), leaf_length, length;
  uptls_runtime *runtime;
  uptls_builder *builder;
  uptls_policy *policy;
  uptls_connector *of_der;
  uptls_error *error;
  CHECK(count == 3); /* with the intermediate */
  CHECK(uptls_evidence_path_der(evidence, 0, &leaf, &leaf_length, NULL) == UPTLS_OK);
  CHECK(uptls_evidence_certificate_der(evidence, 0, &der, &length, NULL) == UPTLS_OK);
  CHECK(der == leaf && length == leaf_length);
  CHECK(uptls_evidence_path_der(evidence, count - 1, &der, &length, NULL) == UPTLS_OK);
  CHECK(uptls_runtime_new_at(strtoll(seconds, NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_ca_pem(builder, der, length, "the anchor", NULL) == UPTLS_OK);
  net_failed(uptls_builder_add_ca_pem(builder, der, length - 1, NULL, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_builder_set_server_name(builder, HOST, NULL) == UPTLS_OK);
  CHECK(uptls_builder_build(builder, runtime, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &of_der, NULL) == UPTLS_OK);
  uptls_stream_free(connected(of_der, port));
  uptls_connector_unref(of_der);
  uptls_policy_unref(policy);
  uptls_builder_free(builder);
  net_failed(uptls_evidence_path_der(evidence, count, &der, &length, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(der == NULL && length == 0);
  uptls_runtime_free(runtime);
}

static void exporter(uptls_connector *connector, uptls_stream *stream) {
  unsigned char one[32], two[32], zeros[32] = {0};
  uptls_stream *early;
  uptls_error *error;
  uptls_conn *conn;
  size_t got;
  int pair[2];
  CHECK(uptls_stream_export(stream, "EXPORTER-Channel-Binding", NULL, 0, one, sizeof one, NULL) == UPTLS_OK);
  CHECK(uptls_stream_channel_binding(stream, two, sizeof two, &got, NULL) == UPTLS_OK && got == 32);
  CHECK(memcmp(one, two, 32) == 0 && memcmp(one, zeros, 32) != 0);
  CHECK(uptls_stream_export(stream, "EXPORTER-Channel-Binding", "x", 1, two, sizeof two, NULL) == UPTLS_OK);
  CHECK(memcmp(one, two, 32) != 0);
  net_failed(uptls_stream_channel_binding(stream, two, 31, &got, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_export(stream, "", NULL, 0, two, sizeof two, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(memcmp(two, zeros, 32) == 0);
  /* Before the handshake there is none. */
  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
  net_failed(uptls_conn_export(conn, "EXPORTER-x", NULL, 0, one, sizeof one, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_channel_binding(conn, one, sizeof one, &got, &error), error, UPTLS_E_USAGE, "misuse");
  uptls_conn_free(conn);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK(uptls_stream_adopt_fd(connector, pair[0], HOST, UPTLS_FD_OWN, NULL, &early, NULL) == UPTLS_OK);
  net_failed(uptls_stream_export(early, "EXPORTER-x", NULL, 0, one, sizeof one, &error), error, UPTLS_E_USAGE, "misuse");
  uptls_stream_free(early);
  close(pair[1]);
}

static void pieces(uptls_connector *connector, const char *echo) {
  uptls_stream *stream = connected(connector, echo);
  uptls_bytes parts[3] = {{"head ", 5}, {NULL, 0}, {"body", 4}};
  char text[16];
  size_t used, got = 0, count;
  uptls_error *error;
  CHECK(uptls_stream_writev(stream, parts, 3, &used, NULL) == UPTLS_OK && used == 9);
  while (got < 9) {
    CHECK(uptls_stream_read(stream, text + got, sizeof text - got, &count, NULL) == UPTLS_OK);
    got += count;
  }
  CHECK(got == 9 && memcmp(text, "head body", 9) == 0);
  CHECK(uptls_stream_writev(stream, NULL, 0, &used, NULL) == UPTLS_OK && used == 0);
  parts[1].length = 1;
  net_failed(uptls_stream_writev(stream, parts, 3, &used, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_writev(stream, parts, SIZE_MAX / 8, &used, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(used == 0);
  uptls_stream_free(stream);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  uptls_evidence *evidence;
  uptls_stream *stream;
  CHECK(argc == 5);
  connector = net_connector(argv[1], argv[2]);
  stream = connected(connector, argv[3]);
  CHECK(uptls_stream_evidence(stream, &evidence, NULL) == UPTLS_OK);
  names(evidence);
  path(evidence, argv[3], argv[2]);
  exporter(connector, stream);
  uptls_stream_free(stream);
  names(evidence); /* it outlives the stream */
  uptls_evidence_unref(evidence);
  pieces(connector, argv[4]);
  uptls_connector_unref(connector);
  return 0;
}
