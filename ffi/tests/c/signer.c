/* An identity whose key is in a token (I7): asked by a function, or by WANT_SIGN. Arguments: CA, client certificate, unix seconds, and the
 * ports of a server that wants the certificate, of one that does not, and of the token. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

enum { CA = 1, CERTIFICATE, NOW, STRICT, HONEST, TOKEN };

static char **arguments;
static const char *port(int which) { return arguments[which]; }

/* How the function behaves, and how often it was called. */
struct token {
  int calls, returns;
  size_t claims; /* if not 0: so many bytes, and none is written */
};

static void all_of(int fd, void *start, size_t length) {
  CHECK(recv(fd, start, length, MSG_WAITALL) == (ssize_t)length);
}

static size_t ask_token(uint16_t scheme, const uint8_t *message, size_t length, uint8_t *signature, size_t capacity) {
  uint8_t head[6] = {(uint8_t)(scheme >> 8), (uint8_t)scheme, 0, 0, (uint8_t)(length >> 8), (uint8_t)length}, size[4];
  size_t got;
  int fd = net_connect(port(TOKEN));
  CHECK(length < 65536 && send(fd, head, sizeof head, 0) == sizeof head);
  CHECK(send(fd, message, length, 0) == (ssize_t)length);
  all_of(fd, size, sizeof size);
  got = (size_t)size[2] << 8 | size[3];
  CHECK(got <= capacity);
  all_of(fd, signature, got);
  close(fd);
  return got;
}

static int sign(void *context, uint16_t scheme, const uint8_t *message, size_t length, uint8_t *signature, size_t capacity,
                size_t *got) {
  struct token *token = context;
  token->calls++;
  *got = token->claims != 0 ? token->claims : ask_token(scheme, message, length, signature, capacity);
  return token->returns;
}

static uptls_connector *connector_with(uptls_sign signer, void *context) {
  uptls_runtime *runtime;
  uptls_builder *builder;
  uptls_policy *policy;
  uptls_connector *connector;
  size_t length;
  char *certificate = check_file(arguments[CERTIFICATE], &length);
  CHECK(uptls_runtime_new_at(strtoll(arguments[NOW], NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_ca_file(builder, arguments[CA], NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, HOST, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_handshake_timeout(builder, "300s", NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_identity_signer(builder, (const uint8_t *)certificate, length, signer, context, NULL) == UPTLS_OK);
  CHECK(uptls_builder_build(builder, runtime, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  uptls_policy_unref(policy);
  uptls_builder_free(builder);
  uptls_runtime_free(runtime);
  free(certificate);
  return connector;
}

static uptls_status connect_to(uptls_connector *connector, int which, uptls_identity wanted, uptls_error **error) {
  uptls_stream *stream;
  uptls_evidence *evidence;
  uptls_status status =
      uptls_stream_connect(connector, HOST, (uint16_t)atoi(port(which)), "127.0.0.1", NULL, &stream, error);
  if (status != UPTLS_OK) return status;
  CHECK(uptls_stream_evidence(stream, &evidence, NULL) == UPTLS_OK && uptls_evidence_identity(evidence) == wanted);
  uptls_evidence_unref(evidence);
  uptls_stream_free(stream);
  return status;
}

static void by_function(void) {
  struct token token = {0, 0, 0};
  uptls_connector *connector = connector_with(sign, &token);
  uptls_error *error;
  /* Each failure first: a session would need no signature. */
  token.returns = 7;
  net_failed(connect_to(connector, STRICT, UPTLS_IDENTITY_SENT, &error), error, UPTLS_E_LOCAL, "identity_sign_failed");
  token.returns = 0;
  token.claims = 70; /* zeros are no signature */
  net_failed(connect_to(connector, STRICT, UPTLS_IDENTITY_SENT, &error), error, UPTLS_E_LOCAL, "identity_sign_failed");
  token.claims = (size_t)-1;
  net_failed(connect_to(connector, STRICT, UPTLS_IDENTITY_SENT, &error), error, UPTLS_E_LOCAL, "identity_sign_failed");
  token.claims = 0;
  CHECK(connect_to(connector, HONEST, UPTLS_IDENTITY_NOT_REQUESTED, NULL) == UPTLS_OK && token.calls == 3);
  CHECK(connect_to(connector, STRICT, UPTLS_IDENTITY_SENT, NULL) == UPTLS_OK && token.calls == 4);
  uptls_connector_unref(connector);
}

static void drain(uptls_conn *conn, int fd) {
  char tls[4096];
  size_t got;
  do {
    CHECK(uptls_conn_drain(conn, tls, sizeof tls, &got, NULL) == UPTLS_OK);
    CHECK(got == 0 || send(fd, tls, got, MSG_NOSIGNAL) == (ssize_t)got);
  } while (got > 0);
}

/* A conn that stands until it gets its signature. */
static uptls_conn *asking(uptls_connector *connector, int64_t timeout_ms, int *fd) {
  uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL};
  static char tls[16384];
  char data[1];
  uptls_conn *conn;
  uptls_status status;
  size_t used;
  options.timeout_ms = timeout_ms;
  *fd = net_connect(port(STRICT));
  CHECK(uptls_conn_new(connector, HOST, &options, &conn, NULL) == UPTLS_OK);
  do {
    ssize_t got;
    drain(conn, *fd);
    got = recv(*fd, tls, sizeof tls, 0);
    CHECK(got > 0);
    status = uptls_conn_feed(conn, tls, (size_t)got, &used, NULL);
    if (status < 0) { /* a short deadline, on a slow machine */
      close(*fd);
      uptls_conn_free(conn);
      return NULL;
    }
    CHECK(used == (size_t)got);
  } while (status != UPTLS_WANT_SIGN);
  CHECK(uptls_conn_wants(conn) == UPTLS_WANTS_SIGNATURE && uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_RUNNING);
  CHECK(uptls_conn_feed(conn, "x", 1, &used, NULL) == UPTLS_WANT_SIGN && used == 0);
  CHECK(uptls_conn_read(conn, data, 1, &used, NULL) == UPTLS_WANT_SIGN && used == 0);
  CHECK(uptls_conn_write(conn, "x", 1, &used, NULL) == UPTLS_WANT_SIGN && used == 0);
  return conn;
}

static void by_wish(void) {
  static char tls[16384];
  char answer[4096] = "";
  uptls_connector *connector = connector_with(NULL, NULL);
  uptls_error *error;
  uptls_conn *conn;
  uptls_status status;
  uint16_t scheme;
  uint8_t signature[512];
  const uint8_t *message;
  size_t length, used, total = 0;
  int64_t timeout = 250;
  int fd;
  /* Who cannot ask says so, if the peer wants the certificate. */
  net_failed(connect_to(connector, STRICT, UPTLS_IDENTITY_SENT, &error), error, UPTLS_E_LOCAL, "identity_sign_failed");
  CHECK(connect_to(connector, HONEST, UPTLS_IDENTITY_NOT_REQUESTED, NULL) == UPTLS_OK);
  /* No signature, and a wrong one. */
  conn = asking(connector, 0, &fd);
  net_failed(uptls_conn_give_signature(conn, NULL, 0, &error), error, UPTLS_E_LOCAL, "identity_sign_failed");
  net_failed(uptls_conn_signature_wanted(conn, &scheme, &message, &length, &error), error, UPTLS_E_LOCAL, "identity_sign_failed");
  CHECK(message == NULL && uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_FAILED);
  uptls_conn_free(conn);
  close(fd);
  conn = asking(connector, 0, &fd);
  net_failed(uptls_conn_give_signature(conn, (const uint8_t *)"wrong", 5, &error), error, UPTLS_E_LOCAL, "identity_sign_failed");
  uptls_conn_free(conn);
  close(fd);
  /* Freed while it waits; a transport that fails meanwhile. */
  uptls_conn_free(asking(connector, 0, &fd));
  close(fd);
  conn = asking(connector, 0, &fd);
  net_failed(uptls_conn_feed_error(conn, ECONNRESET, &error), error, UPTLS_E_IO, "peer_reset");
  uptls_conn_free(conn);
  close(fd);
  /* Never: the deadline ends it, and not before. */
  while ((conn = asking(connector, timeout, &fd)) == NULL) timeout *= 2;
  while (uptls_conn_timeout_ms(conn) > 0) poll(NULL, 0, (int)uptls_conn_timeout_ms(conn));
  net_failed(uptls_conn_expire(conn, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  uptls_conn_free(conn);
  close(fd);
  /* The right one. */
  conn = asking(connector, 0, &fd);
  CHECK(uptls_conn_expire(conn, NULL) == UPTLS_OK);
  CHECK(uptls_conn_signature_wanted(conn, &scheme, &message, &length, NULL) == UPTLS_OK && scheme == 0x0403 && length > 0);
  used = ask_token(scheme, message, length, signature, sizeof signature);
  CHECK(uptls_conn_give_signature(conn, signature, used, NULL) == UPTLS_OK);
  net_failed(uptls_conn_give_signature(conn, signature, used, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_DONE);
  CHECK(uptls_conn_write(conn, REQUEST, strlen(REQUEST), &used, NULL) == UPTLS_OK && used == strlen(REQUEST));
  while ((status = uptls_conn_read(conn, answer + total, sizeof answer - total - 1, &used, NULL)) != UPTLS_CLOSED) {
    ssize_t got;
    CHECK(status == UPTLS_OK || status == UPTLS_WANT_READ);
    total += used;
    if (status == UPTLS_OK) continue;
    drain(conn, fd);
    got = recv(fd, tls, sizeof tls, 0);
    CHECK(got >= 0);
    if (got == 0) CHECK(uptls_conn_feed_eof(conn, NULL) == UPTLS_OK);
    else CHECK(uptls_conn_feed(conn, tls, (size_t)got, &used, NULL) == UPTLS_OK && used == (size_t)got);
  }
  CHECK(strstr(answer, BODY) != NULL);
  uptls_conn_free(conn);
  close(fd);
  uptls_connector_unref(connector);
}

int main(int argc, char **argv) {
  CHECK(argc == 7);
  arguments = argv;
  by_function();
  by_wish();
  return 0;
}
