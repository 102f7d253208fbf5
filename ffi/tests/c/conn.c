/* Bytes in, bytes out over a socket of our own. Arguments: policy, unix seconds, and the ports of an honest server, one
 * that truncates, one that is silent, one that closes at once, one with a certificate for another name. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

#include <time.h>

/* Sends all that waits, `step` bytes at a time. */
static void drain(uptls_conn *conn, int fd, size_t step) {
  char tls[4096];
  size_t got;
  do {
    CHECK(uptls_conn_drain(conn, tls, step, &got, NULL) == UPTLS_OK);
    CHECK(got <= step);
    CHECK(got == 0 || send(fd, tls, got, MSG_NOSIGNAL) == (ssize_t)got);
  } while (got > 0);
  CHECK((uptls_conn_wants(conn) & UPTLS_WANTS_WRITE) == 0);
}

/* Receives once and feeds at most `step` bytes at a time, reading nothing: data stays in the connection. */
static uptls_status feed(uptls_conn *conn, int fd, size_t step, uptls_error **error) {
  static char tls[16384];
  size_t used, at = 0;
  ssize_t got = recv(fd, tls, sizeof tls < step ? sizeof tls : step, 0);
  CHECK(got >= 0);
  if (got == 0) return uptls_conn_feed_eof(conn, error);
  while (at < (size_t)got) {
    size_t length = (size_t)got - at < step ? (size_t)got - at : step;
    uptls_status status = uptls_conn_feed(conn, tls + at, length, &used, error);
    if (status != UPTLS_OK) return status;
    CHECK(used == length || uptls_conn_pending(conn));
    if (used == 0) {
      /* data waits: this test reads it by and by, one byte at a time */
      break;
    }
    at += used;
  }
  CHECK(at == (size_t)got || step == 1);
  return UPTLS_OK;
}

static uptls_conn *begin(uptls_connector *connector) {
  uptls_conn *conn = (uptls_conn *)&conn;
  uptls_error *error = (uptls_error *)&error;
  char data[1];
  size_t count = 99;
  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, &error) == UPTLS_OK && error == NULL);
  CHECK(uptls_conn_wants(conn) == (UPTLS_WANTS_READ | UPTLS_WANTS_WRITE) || uptls_conn_wants(conn) == UPTLS_WANTS_WRITE);
  CHECK(uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_RUNNING && !uptls_conn_pending(conn));
  CHECK(uptls_conn_timeout_ms(conn) > 0);
  /* before the handshake there is nothing to read, and nowhere to write */
  CHECK(uptls_conn_read(conn, data, 1, &count, &error) == UPTLS_WANT_WRITE && count == 0 && error == NULL);
  CHECK(uptls_conn_write(conn, "x", 1, &count, &error) == UPTLS_WANT_WRITE && count == 0);
  return conn;
}

static void handshake(uptls_conn *conn, int fd, size_t step) {
  size_t count;
  char data[1];
  for (;;) {
    drain(conn, fd, step);
    if (uptls_conn_handshake_state(conn) != UPTLS_HANDSHAKE_RUNNING) break;
    CHECK(uptls_conn_read(conn, data, 1, &count, NULL) == UPTLS_WANT_READ);
    CHECK(feed(conn, fd, step, NULL) == UPTLS_OK);
  }
  CHECK(uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_DONE);
  CHECK(uptls_conn_timeout_ms(conn) == -1 && uptls_conn_expire(conn, NULL) == UPTLS_OK);
}

/* Reads to the end, `step` bytes at a time, and gives the status of the end. The text is NUL-terminated. */
static uptls_status read_all(uptls_conn *conn, int fd, size_t step, char *text, size_t capacity, uptls_error **error) {
  size_t used = 0, got;
  for (;;) {
    uptls_status status = uptls_conn_read(conn, text + used, step, &got, error);
    CHECK(got <= step && (status == UPTLS_OK) == (got > 0));
    used += got;
    CHECK(used + step < capacity);
    text[used] = '\0';
    if (status == UPTLS_OK) continue;
    if (status != UPTLS_WANT_READ) return status;
    CHECK(feed(conn, fd, step == 1 ? 1 : 16384, error) == UPTLS_OK);
  }
}

static void facts(uptls_connector *connector, uptls_conn *conn) {
  uptls_evidence *evidence, *second;
  uptls_error *error;
  const uint8_t *der;
  size_t length;
  char *report;
  CHECK(uptls_conn_evidence(conn, &evidence, &error) == UPTLS_OK && error == NULL);
  second = uptls_evidence_ref(evidence);
  CHECK(second == evidence);
  uptls_evidence_unref(evidence);
  CHECK_TEXT(uptls_evidence_version(evidence), "1.3");
  CHECK(strncmp(uptls_evidence_cipher_suite(evidence), "TLS", 3) == 0);
  CHECK(strlen(uptls_evidence_group(evidence)) > 0);
  CHECK(uptls_evidence_alpn(evidence) == NULL);
  CHECK_TEXT(uptls_evidence_server_name(evidence), HOST);
  CHECK_TEXT(uptls_evidence_matched_name(evidence), "dns:" HOST);
  CHECK(strncmp(uptls_evidence_fingerprint(evidence), "sha256:", 7) == 0);
  CHECK(uptls_evidence_generation(evidence) == 1 && !uptls_evidence_resumed(evidence));
  CHECK(uptls_evidence_identity(evidence) == UPTLS_IDENTITY_NOT_REQUESTED && !uptls_evidence_identity_unused(evidence));
  CHECK(uptls_evidence_trusted_until(evidence) > 0);
  CHECK(uptls_evidence_certificate_count(evidence) == 2);
  CHECK(uptls_evidence_certificate_der(evidence, 0, &der, &length, NULL) == UPTLS_OK);
  CHECK(length > 100 && der[0] == 0x30);
  CHECK(uptls_evidence_certificate_der(evidence, 2, &der, &length, &error) == UPTLS_E_USAGE);
  CHECK(der == NULL && length == 0 && strstr(uptls_error_message(error), "2") != NULL);
  uptls_error_free(error);
  CHECK(uptls_connector_is_current(connector, evidence));
  CHECK(uptls_conn_report(conn, &report, NULL) == UPTLS_OK);
  CHECK(strstr(report, "\"verdict\": \"accepted\"") != NULL && strstr(report, "\"handshake\": \"full\"") != NULL);
  uptls_string_free(report);
  uptls_evidence_unref(second);
}

/* A whole exchange, `step` bytes at a time in every direction. */
static void honest(uptls_connector *connector, const char *port, size_t step) {
  static char text[4096];
  int fd = net_connect(port);
  uptls_conn *conn = begin(connector);
  uptls_error *error;
  size_t used, at = 0;
  handshake(conn, fd, step);
  if (step > 1) facts(connector, conn);
  while (at < strlen(REQUEST)) {
    size_t length = strlen(REQUEST) - at < step ? strlen(REQUEST) - at : step;
    CHECK(uptls_conn_write(conn, REQUEST + at, length, &used, NULL) == UPTLS_OK && used == length);
    at += used;
    drain(conn, fd, step);
  }
  CHECK(read_all(conn, fd, step == 1 ? 1 : 512, text, sizeof text, &error) == UPTLS_CLOSED && error == NULL);
  CHECK(strstr(text, BODY) != NULL);
  CHECK(uptls_conn_read(conn, text, 1, &used, NULL) == UPTLS_CLOSED && uptls_conn_pending(conn));
  /* ours goes on until we end it, and not afterwards */
  CHECK(uptls_conn_write(conn, "x", 1, &used, NULL) == UPTLS_OK);
  CHECK(uptls_conn_close_notify(conn, NULL) == UPTLS_OK);
  CHECK(uptls_conn_close_notify(conn, NULL) == UPTLS_OK);
  drain(conn, fd, step);
  net_failed(uptls_conn_write(conn, "x", 1, &used, &error), error, UPTLS_E_USAGE, "misuse");
  uptls_conn_free(conn);
  close(fd);
}

static void truncated(uptls_connector *connector, const char *port) {
  static char text[4096];
  int fd = net_connect(port);
  uptls_conn *conn = begin(connector);
  uptls_error *error;
  size_t used;
  handshake(conn, fd, 4096);
  CHECK(uptls_conn_write(conn, REQUEST, strlen(REQUEST), &used, NULL) == UPTLS_OK);
  drain(conn, fd, 4096);
  CHECK(read_all(conn, fd, 512, text, sizeof text, &error) == UPTLS_E_TRUNCATED);
  net_failed(UPTLS_E_TRUNCATED, error, UPTLS_E_TRUNCATED, "truncated");
  CHECK(strstr(text, BODY) != NULL); /* what came is there */
  uptls_conn_free(conn);
  close(fd);
}

static void silent(uptls_connector *connector, const char *port) {
  uptls_connect_options options = {sizeof options, 20, NULL, NULL, 0, NULL};
  struct timespec nap = {0, 5000000};
  uptls_conn *conn;
  uptls_error *error;
  uptls_evidence *evidence;
  char *report, data[1];
  size_t got;
  int fd = net_connect(port);
  CHECK(uptls_conn_new(connector, HOST, &options, &conn, NULL) == UPTLS_OK);
  CHECK(uptls_conn_timeout_ms(conn) <= 20);
  drain(conn, fd, 4096);
  net_failed(uptls_conn_evidence(conn, &evidence, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_report(conn, &report, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_close_notify(conn, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(evidence == NULL && report == NULL);
  while (uptls_conn_timeout_ms(conn) > 0) nanosleep(&nap, NULL);
  net_failed(uptls_conn_expire(conn, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  CHECK(uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_FAILED && uptls_conn_timeout_ms(conn) == -1);
  /* every later call gives the same error */
  net_failed(uptls_conn_expire(conn, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_conn_read(conn, data, 1, &got, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_conn_write(conn, data, 1, &got, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_conn_feed(conn, data, 1, &got, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_conn_feed_eof(conn, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_conn_feed_error(conn, ECONNRESET, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_conn_evidence(conn, &evidence, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  uptls_conn_free(conn);
  close(fd);
}

/* The transport ends, or fails, before there is a verdict. */
static void lost(uptls_connector *connector, const char *port) {
  int fd = net_connect(port);
  uptls_error *error;
  uptls_conn *conn = begin(connector);
  net_failed(uptls_conn_feed_eof(conn, &error), error, UPTLS_E_IO, "peer_closed");
  uptls_conn_free(conn);
  conn = begin(connector);
  net_failed(uptls_conn_feed_error(conn, ECONNRESET, &error), error, UPTLS_E_IO, "peer_reset");
  uptls_conn_free(conn);
  conn = begin(connector);
  net_failed(uptls_conn_feed_error(conn, EAGAIN, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_feed_error(conn, EINTR, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_feed_error(conn, 0, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_feed_error(conn, INT32_MIN, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_RUNNING); /* misuse ends nothing */
  uptls_conn_free(conn);
  close(fd);
}

/* Refused: the reason, the report, and an alert for the peer. */
static void refused(uptls_connector *connector, const char *port) {
  uptls_conn *conn = begin(connector);
  uptls_error *error = NULL;
  uptls_status status;
  int fd = net_connect(port);
  char *report, data[1];
  size_t got;
  do {
    drain(conn, fd, 4096);
    status = feed(conn, fd, 16384, &error);
  } while (status == UPTLS_OK);
  CHECK(strstr(uptls_error_json(error), "\"verdict\": \"rejected\"") != NULL);
  CHECK(strstr(uptls_error_json(error), "dns:payments-v2.internal") != NULL);
  CHECK(uptls_conn_report(conn, &report, NULL) == UPTLS_OK);
  CHECK_TEXT(uptls_error_json(error), report);
  uptls_string_free(report);
  net_failed(status, error, UPTLS_E_NAME, "name_mismatch");
  CHECK(uptls_conn_wants(conn) == UPTLS_WANTS_WRITE);
  drain(conn, fd, 4096);
  net_failed(uptls_conn_read(conn, data, 1, &got, &error), error, UPTLS_E_NAME, "name_mismatch");
  uptls_conn_free(conn);
  close(fd);
}

/* What fits no record, and what is no TLS. */
static void garbage(uptls_connector *connector) {
  uptls_conn *conn = begin(connector);
  uptls_error *error;
  size_t used;
  net_failed(uptls_conn_feed(conn, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, &used, &error), error, UPTLS_E_PROTOCOL,
             "peer_not_tls");
  CHECK(used == 0);
  uptls_conn_free(conn);
}

static void options(uptls_connector *connector) {
  struct {
    uptls_connect_options known;
    char later[8];
  } future = {{sizeof future, 0, NULL, NULL, 0, NULL}, {0}};
  uptls_connect_options bad = {sizeof bad, -1, NULL, NULL, 0, NULL};
  uptls_dialer *dialer;
  uptls_conn *conn;
  uptls_error *error;
  net_failed(uptls_conn_new(connector, HOST, &bad, &conn, &error), error, UPTLS_E_USAGE, "misuse");
  bad.timeout_ms = 0;
  bad.struct_size = 0;
  net_failed(uptls_conn_new(connector, HOST, &bad, &conn, &error), error, UPTLS_E_USAGE, "misuse");
  bad.struct_size = sizeof bad;
  bad.alpn = "h2"; /* the policy offers none: H3 */
  net_failed(uptls_conn_new(connector, HOST, &bad, &conn, &error), error, UPTLS_E_USAGE, "misuse");
  bad.alpn = "\xff";
  net_failed(uptls_conn_new(connector, HOST, &bad, &conn, &error), error, UPTLS_E_USAGE, "misuse");
  bad.alpn = NULL;
  CHECK(uptls_dialer_new_tcp(NULL, 0, &dialer, NULL) == UPTLS_OK);
  bad.dialer = dialer; /* it has no socket to make */
  net_failed(uptls_conn_new(connector, HOST, &bad, &conn, &error), error, UPTLS_E_USAGE, "misuse");
  uptls_dialer_free(dialer);
  CHECK(conn == NULL);
  CHECK(uptls_conn_new(connector, HOST, &future.known, &conn, NULL) == UPTLS_OK);
  uptls_conn_free(conn);
  future.later[7] = 1;
  net_failed(uptls_conn_new(connector, HOST, &future.known, &conn, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_new(connector, "not a host", NULL, &conn, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(conn == NULL);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc == 8);
  connector = net_connector(argv[1], argv[2]);
  honest(connector, argv[3], 4096);
  honest(connector, argv[3], 1);
  truncated(connector, argv[4]);
  silent(connector, argv[5]);
  lost(connector, argv[6]);
  refused(connector, argv[7]);
  garbage(connector);
  options(connector);
  uptls_connector_unref(connector);
  return 0;
}
