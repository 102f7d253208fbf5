/* Streams over sockets that block and that do not. Arguments: policy, unix seconds, and the ports of an honest server, one
 * that truncates, one that is silent, one that closes at once, one with a certificate for another name. */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#include "net.h"

#include <signal.h>
#include <sys/time.h>

typedef enum mode { CONNECTED, BORROWED, OWNED } mode;

static volatile sig_atomic_t alarms;
static void note_alarm(int number) {
  (void)number;
  alarms = alarms + 1;
}

/* Waits for what the stream waits for. */
static void wait_for(uptls_stream *stream, uptls_status status) {
  struct pollfd entry = {uptls_stream_fd(stream), uptls_stream_poll_events(stream), 0};
  CHECK(entry.events & (status == UPTLS_WANT_READ ? POLLIN : POLLOUT));
  CHECK(!uptls_stream_pending(stream));
  CHECK(poll(&entry, 1, 30000) == 1);
}

static uptls_status read_all(uptls_stream *stream, size_t step, char *text, size_t capacity, uptls_error **error) {
  size_t used = 0, got;
  for (;;) {
    uptls_status status = uptls_stream_read(stream, text + used, step, &got, error);
    CHECK(got <= step && (status == UPTLS_OK) == (got > 0));
    used += got;
    CHECK(used + step < capacity);
    text[used] = '\0';
    if (status == UPTLS_OK) continue;
    if (status != UPTLS_WANT_READ && status != UPTLS_WANT_WRITE) return status;
    wait_for(stream, status);
  }
}

static void request(uptls_stream *stream) {
  size_t used;
  uptls_status status;
  while ((status = uptls_stream_write(stream, REQUEST, strlen(REQUEST), &used, NULL)) != UPTLS_OK) {
    CHECK(used == 0);
    wait_for(stream, status);
  }
  CHECK(used == strlen(REQUEST));
  while ((status = uptls_stream_write(stream, NULL, 0, &used, NULL)) != UPTLS_OK) wait_for(stream, status);
}

/* A whole exchange over a socket that blocks, or does not. */
static void honest(uptls_connector *connector, const char *port, mode mode, int blocks, size_t step) {
  static char text[4096];
  uptls_stream *stream = (uptls_stream *)&stream;
  uptls_error *error = (uptls_error *)&error;
  uptls_status status;
  uptls_evidence *evidence;
  char *report;
  int fd = -1;
  if (mode == CONNECTED) {
    CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", NULL, &stream, &error) == UPTLS_OK);
  } else {
    fd = net_connect(port);
    if (!blocks) net_unblock(fd);
    CHECK(uptls_stream_adopt_fd(connector, fd, HOST, mode == OWNED ? UPTLS_FD_OWN : UPTLS_FD_BORROW, NULL, &stream,
                                &error) == UPTLS_OK);
    CHECK(uptls_stream_fd(stream) == fd && uptls_stream_handshake_state(stream) == UPTLS_HANDSHAKE_RUNNING);
    CHECK(uptls_stream_timeout_ms(stream) > 0);
    CHECK(uptls_stream_poll_events(stream) & POLLOUT);
    net_failed(uptls_stream_shutdown(stream, &error), error, UPTLS_E_USAGE, "misuse");
    net_failed(uptls_stream_evidence(stream, &evidence, &error), error, UPTLS_E_USAGE, "misuse");
    net_failed(uptls_stream_report(stream, &report, &error), error, UPTLS_E_USAGE, "misuse");
    if (step > 1) { /* with step 1, reading makes the handshake */
      while ((status = uptls_stream_handshake(stream, &error)) != UPTLS_OK) {
        CHECK(!blocks && (status == UPTLS_WANT_READ || status == UPTLS_WANT_WRITE) && error == NULL);
        wait_for(stream, status);
      }
      CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
    }
  }
  request(stream);
  CHECK(uptls_stream_handshake_state(stream) == UPTLS_HANDSHAKE_DONE);
  CHECK(uptls_stream_timeout_ms(stream) == -1 && uptls_stream_expire(stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_evidence(stream, &evidence, NULL) == UPTLS_OK);
  CHECK_TEXT(uptls_evidence_matched_name(evidence), "dns:" HOST);
  uptls_evidence_unref(evidence);
  CHECK(uptls_stream_report(stream, &report, NULL) == UPTLS_OK && strstr(report, "\"verdict\": \"accepted\"") != NULL);
  uptls_string_free(report);
  CHECK(read_all(stream, step, text, sizeof text, NULL) == UPTLS_CLOSED);
  CHECK(strstr(text, BODY) != NULL);
  CHECK(uptls_stream_pending(stream) && !(uptls_stream_poll_events(stream) & POLLIN));
  CHECK(uptls_stream_shutdown(stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_shutdown(stream, NULL) == UPTLS_OK);
  uptls_stream_free(stream);
  if (mode != CONNECTED) {
    /* nothing was changed on it, and it is closed by its owner alone */
    int flags = fcntl(fd, F_GETFL);
    CHECK(mode == OWNED ? flags == -1 && errno == EBADF : (flags != -1 && ((flags & O_NONBLOCK) == 0) == blocks));
    if (mode == BORROWED) close(fd);
  }
}

static void truncated(uptls_connector *connector, const char *port) {
  static char text[4096];
  uptls_stream *stream;
  uptls_error *error;
  CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", NULL, &stream, NULL) == UPTLS_OK);
  request(stream);
  net_failed(read_all(stream, 512, text, sizeof text, &error), error, UPTLS_E_TRUNCATED, "truncated");
  CHECK(strstr(text, BODY) != NULL);
  uptls_stream_free(stream);
}

/* No peer answers: the deadline ends it, for every socket and despite signals. */
static void silent(uptls_connector *connector, const char *port) {
  uptls_connect_options options = {sizeof options, 100, NULL, NULL, 0, NULL};
  struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
  struct sigaction action;
  struct pollfd entry;
  uptls_stream *stream = NULL;
  uptls_error *error;
  uptls_status status;
  size_t got;
  char data[1];
  int fd;
  memset(&action, 0, sizeof action);
  action.sa_handler = note_alarm; /* without SA_RESTART: system calls end with EINTR */
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
  net_failed(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", &options, &stream, &error), error,
             UPTLS_E_TIMEOUT, "handshake_timeout");
  CHECK(stream == NULL && alarms > 0);
  CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);

  fd = net_connect(port); /* borrowed, and blocking */
  CHECK(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_BORROW, &options, &stream, NULL) == UPTLS_OK);
  net_failed(uptls_stream_read(stream, data, 1, &got, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_stream_write(stream, data, 1, &got, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  net_failed(uptls_stream_handshake(stream, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  uptls_stream_free(stream);
  close(fd);

  fd = net_connect(port); /* owned, and not blocking */
  net_unblock(fd);
  CHECK(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_OWN, &options, &stream, NULL) == UPTLS_OK);
  while ((status = uptls_stream_handshake(stream, NULL)) == UPTLS_WANT_READ || status == UPTLS_WANT_WRITE) {
    entry.fd = uptls_stream_fd(stream);
    entry.events = uptls_stream_poll_events(stream);
    if (poll(&entry, 1, (int)uptls_stream_timeout_ms(stream)) == 0) break;
  }
  net_failed(uptls_stream_expire(stream, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  CHECK(uptls_stream_handshake_state(stream) == UPTLS_HANDSHAKE_FAILED);
  net_failed(uptls_stream_handshake(stream, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  uptls_stream_free(stream);
}

/* The socket's own time limit passes, and the stream goes on. */
static void limited(uptls_connector *connector, const char *port) {
  static char text[4096];
  struct timeval limit = {0, 20000};
  uptls_stream *stream;
  uptls_error *error;
  size_t got;
  int fd = net_connect(port);
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  CHECK(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_OWN, NULL, &stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
  net_failed(uptls_stream_read(stream, text, 1, &got, &error), error, UPTLS_E_TIMEOUT, "tcp_timeout");
  net_failed(uptls_stream_read(stream, text, 1, &got, &error), error, UPTLS_E_TIMEOUT, "tcp_timeout");
  limit.tv_usec = 0;
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  request(stream);
  CHECK(read_all(stream, 512, text, sizeof text, NULL) == UPTLS_CLOSED && strstr(text, BODY) != NULL);
  uptls_stream_free(stream);
}

/* Writing to a closed peer: a status, no signal. SIGPIPE keeps its default action, which ends the program. */
static void gone(uptls_connector *connector, const char *port) {
  static char data[65536];
  uptls_stream *stream;
  uptls_error *error = NULL;
  uptls_status status;
  size_t got;
  CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", NULL, &stream, NULL) == UPTLS_OK);
  CHECK(shutdown(uptls_stream_fd(stream), SHUT_WR) == 0);
  do status = uptls_stream_write(stream, data, sizeof data, &got, &error);
  while (status == UPTLS_OK);
  net_failed(status, error, UPTLS_E_IO, "peer_reset");
  net_failed(uptls_stream_write(stream, data, 1, &got, &error), error, UPTLS_E_IO, "peer_reset");
  uptls_stream_free(stream);
}

static void refused(uptls_connector *connector, const char *closing, const char *other) {
  uptls_stream *stream = (uptls_stream *)&stream;
  uptls_error *error;
  int fd;
  net_failed(uptls_stream_connect(connector, HOST, (uint16_t)atoi(closing), "127.0.0.1", NULL, &stream, &error), error,
             UPTLS_E_IO, "peer_closed");
  net_failed(uptls_stream_connect(connector, HOST, (uint16_t)atoi(other), "127.0.0.1", NULL, &stream, &error), error,
             UPTLS_E_NAME, "name_mismatch");
  CHECK(stream == NULL);
  fd = net_connect(other);
  net_unblock(fd);
  CHECK(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_OWN, NULL, &stream, NULL) == UPTLS_OK);
  for (;;) {
    uptls_status status = uptls_stream_handshake(stream, &error);
    if (status >= 0) {
      CHECK(status != UPTLS_OK);
      wait_for(stream, status);
      continue;
    }
    CHECK(strstr(uptls_error_json(error), "\"verdict\": \"rejected\"") != NULL);
    net_failed(status, error, UPTLS_E_NAME, "name_mismatch");
    break;
  }
  uptls_stream_free(stream);
}

/* What is no connected stream socket, and no address. */
static void bad(uptls_connector *connector) {
  uptls_stream *stream = (uptls_stream *)&stream;
  uptls_error *error;
  int pipes[2], datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(pipe(pipes) == 0);
  net_failed(uptls_stream_adopt_fd(connector, -1, HOST, UPTLS_FD_OWN, NULL, &stream, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_adopt_fd(connector, INT32_MIN, HOST, 0, NULL, &stream, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_adopt_fd(connector, 9999, HOST, 0, NULL, &stream, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_adopt_fd(connector, pipes[0], HOST, UPTLS_FD_OWN, NULL, &stream, &error), error, UPTLS_E_USAGE,
             "misuse");
  net_failed(uptls_stream_adopt_fd(connector, datagrams, HOST, UPTLS_FD_OWN, NULL, &stream, &error), error, UPTLS_E_USAGE,
             "misuse");
  net_failed(uptls_stream_connect(connector, HOST, 0, "127.0.0.1", NULL, &stream, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_connect(connector, HOST, 1, "", NULL, &stream, &error), error, UPTLS_E_IO, "dns_failed");
  net_failed(uptls_stream_connect(connector, HOST, 1, "127.0.0.1", NULL, &stream, &error), error, UPTLS_E_IO, "tcp_refused");
  CHECK(stream == NULL);
  /* what was refused is still the caller's */
  CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0 && close(datagrams) == 0);
  {
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    net_failed(uptls_stream_adopt_fd(connector, pair[0], HOST, 2, NULL, &stream, &error), error, UPTLS_E_USAGE, "misuse");
    net_failed(uptls_stream_adopt_fd(connector, pair[0], "", UPTLS_FD_OWN, NULL, &stream, &error), error, UPTLS_E_USAGE,
               "misuse");
    CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
  }
}

/* The live check: a report, whatever the verdict. */
static void check(uptls_connector *connector, const char *port, const char *other) {
  uptls_error *error;
  char *report;
  CHECK(uptls_connector_check(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", NULL, &report, &error) == UPTLS_OK);
  CHECK(error == NULL && strstr(report, "\"verdict\": \"accepted\"") != NULL && strstr(report, "\"address\": \"127") != NULL);
  uptls_string_free(report);
  CHECK(uptls_connector_check(connector, HOST, (uint16_t)atoi(other), "127.0.0.1", NULL, &report, &error) == UPTLS_E_NAME);
  CHECK_TEXT(uptls_error_json(error), report);
  CHECK(strstr(report, "\"verdict\": \"rejected\"") != NULL);
  uptls_string_free(report);
  uptls_error_free(error);
  CHECK(uptls_connector_check(connector, HOST, 1, "127.0.0.1", NULL, &report, &error) == UPTLS_E_IO);
  CHECK(strstr(report, "tcp_refused") != NULL);
  uptls_string_free(report);
  uptls_error_free(error);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc == 8);
  connector = net_connector(argv[1], argv[2]);
  honest(connector, argv[3], CONNECTED, 1, 512);
  honest(connector, argv[3], BORROWED, 1, 512);
  honest(connector, argv[3], OWNED, 1, 1);
  honest(connector, argv[3], OWNED, 0, 512);
  honest(connector, argv[3], BORROWED, 0, 1);
  truncated(connector, argv[4]);
  silent(connector, argv[5]);
  limited(connector, argv[3]);
  gone(connector, argv[3]);
  refused(connector, argv[6], argv[7]);
  bad(connector);
  check(connector, argv[3], argv[7]);
  uptls_connector_unref(connector);
  return 0;
}
