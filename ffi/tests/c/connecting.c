/* Sockets that are not connected yet, or never will be, and shortages of our own: each says what `uptls_stream_connect` says.
 * Arguments: policy, unix seconds, and more that is not used. */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#include "net.h"

#include <sys/resource.h>

/* A port of this machine. It refuses while no program listens on `fd`. */
static struct sockaddr_in bound(int *fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  *fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(*fd >= 0 && bind(*fd, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(getsockname(*fd, (struct sockaddr *)&address, &length) == 0);
  return address;
}

/* A socket that does not block, on its way to `address`. */
static int connecting(const struct sockaddr_in *address) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  net_unblock(fd);
  CHECK(connect(fd, (const struct sockaddr *)address, sizeof *address) == -1 && errno == EINPROGRESS);
  return fd;
}

/* Goes on until it fails, or its time is over. */
static uptls_status drive(uptls_stream *stream, uptls_error **error) {
  for (;;) {
    struct pollfd entry;
    uptls_status status = uptls_stream_handshake(stream, error);
    if (status != UPTLS_WANT_READ && status != UPTLS_WANT_WRITE) return status;
    entry.fd = uptls_stream_fd(stream);
    entry.events = uptls_stream_poll_events(stream);
    if (poll(&entry, 1, (int)uptls_stream_timeout_ms(stream)) == 0) return uptls_stream_expire(stream, error);
  }
}

static void refuses(uptls_connector *connector) {
  int port;
  struct sockaddr_in address = bound(&port);
  uptls_stream *stream;
  uptls_error *error;
  CHECK(uptls_stream_adopt_fd(connector, connecting(&address), HOST, UPTLS_FD_OWN, NULL, &stream, NULL) == UPTLS_OK);
  net_failed(drive(stream, &error), error, UPTLS_E_IO, "tcp_refused");
  net_failed(uptls_stream_handshake(stream, &error), error, UPTLS_E_IO, "tcp_refused");
  uptls_stream_free(stream);
  close(port);
}

/* No program accepts, and the queue is full. */
static void keeps_silent(uptls_connector *connector) {
  enum { MOST = 16 };
  uptls_connect_options options = {sizeof options, 100, NULL, NULL, 0, NULL};
  int port, waiting[MOST], count = 0;
  struct sockaddr_in address = bound(&port);
  uptls_stream *stream;
  uptls_error *error;
  CHECK(listen(port, 1) == 0);
  for (;;) {
    struct pollfd entry;
    CHECK(count < MOST);
    waiting[count] = entry.fd = connecting(&address);
    entry.events = POLLOUT;
    if (poll(&entry, 1, 300) == 0) break;
    count++;
  }
  CHECK(uptls_stream_adopt_fd(connector, waiting[count], HOST, UPTLS_FD_OWN, &options, &stream, NULL) == UPTLS_OK);
  net_failed(drive(stream, &error), error, UPTLS_E_TIMEOUT, "tcp_timeout");
  uptls_stream_free(stream);
  /* The twin: with a connection it is the handshake that is late. */
  CHECK(uptls_stream_adopt_fd(connector, waiting[0], HOST, UPTLS_FD_BORROW, &options, &stream, NULL) == UPTLS_OK);
  net_failed(drive(stream, &error), error, UPTLS_E_TIMEOUT, "handshake_timeout");
  uptls_stream_free(stream);
  while (count > 0) close(waiting[--count]);
  close(port);
}

static void seeks_no_peer(uptls_connector *connector) {
  uptls_stream *stream = NULL;
  uptls_error *error;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  net_failed(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_BORROW, NULL, &stream, &error), error, UPTLS_E_USAGE,
             "misuse");
  CHECK(stream == NULL && close(fd) == 0);
}

/* By the errno, and whether the peer was heard. */
static void told(uptls_connector *connector) {
  static const struct {
    int number;
    uptls_status status;
    const char *code;
  } table[] = {
      {ECONNREFUSED, UPTLS_E_IO, "tcp_refused"}, {EHOSTUNREACH, UPTLS_E_IO, "tcp_refused"},
      {ENETUNREACH, UPTLS_E_IO, "tcp_refused"},  {ETIMEDOUT, UPTLS_E_TIMEOUT, "tcp_timeout"},
      {ECONNRESET, UPTLS_E_IO, "peer_reset"},    {EPIPE, UPTLS_E_IO, "peer_closed"},
      {ENOBUFS, UPTLS_E_LOCAL, "local_resources"}, {EIO, UPTLS_E_LOCAL, "local_resources"},
      {EADDRNOTAVAIL, UPTLS_E_LOCAL, "local_resources"},
  };
  size_t index;
  for (index = 0; index < sizeof table / sizeof *table; index++) {
    uptls_conn *conn;
    uptls_error *error;
    CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
    net_failed(uptls_conn_feed_error(conn, table[index].number, &error), error, table[index].status, table[index].code);
    uptls_conn_free(conn);
  }
}

/* No descriptor is left: it is not the peer who refuses. */
static void short_of_descriptors(uptls_connector *connector) {
  struct rlimit before, none;
  uptls_stream *stream = NULL;
  uptls_error *error;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 3;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  if (uptls_stream_connect(connector, HOST, 1, "127.0.0.1", NULL, &stream, &error) != UPTLS_E_LOCAL) exit(1);
  CHECK_TEXT(uptls_error_code(error), "local_resources");
  CHECK(strstr(uptls_error_hint(error), "ulimit -n") != NULL && stream == NULL);
  uptls_error_free(error);
  /* A name that cannot be asked for is not unknown. */
  CHECK(uptls_stream_connect(connector, HOST, 1, "no-such-host.invalid", NULL, &stream, &error) == UPTLS_E_LOCAL);
  uptls_error_free(error);
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  net_failed(uptls_stream_connect(connector, HOST, 1, "127.0.0.1", NULL, &stream, &error), error, UPTLS_E_IO, "tcp_refused");
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc >= 3);
  connector = net_connector(argv[1], argv[2]);
  refuses(connector);
  keeps_silent(connector);
  seeks_no_peer(connector);
  told(connector);
  short_of_descriptors(connector);
  uptls_connector_unref(connector);
  return 0;
}
