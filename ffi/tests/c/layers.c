/* Layers that call write only while they hold data, as they do over a plain socket, and a wire that takes little. Arguments:
 * policy, unix seconds, port of a server that echoes. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

#include <sys/time.h>

enum { TOTAL = 60000 };

static char out[TOTAL], in[TOTAL];

/* A wire that moves bytes when it is told to: `near` is for the stream, `far` its other end, `server` leads to the peer. */
typedef struct wire {
  int near, far, server;
  char up[16384], down[16384];
  size_t up_count, down_count;
} wire;

static void wire_open(wire *wire, const char *port) {
  int pair[2], small = 4096;
  memset(wire, 0, sizeof *wire);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  wire->near = pair[0];
  wire->far = pair[1];
  wire->server = net_connect(port);
  CHECK(setsockopt(wire->near, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
  net_unblock(wire->far);
  net_unblock(wire->server);
}

static void wire_close(wire *wire) {
  close(wire->far);
  close(wire->server);
}

static int move_bytes(int from, int to, char *bytes, size_t capacity, size_t *count) {
  ssize_t moved;
  int any = 0;
  if (*count == 0 && (moved = recv(from, bytes, capacity, 0)) > 0) *count = (size_t)moved;
  if (*count > 0 && (moved = send(to, bytes, *count, MSG_NOSIGNAL)) > 0) {
    any = 1;
    *count -= (size_t)moved;
    memmove(bytes, bytes + moved, *count);
  }
  return any;
}

static int wire_move(wire *wire) {
  int any = move_bytes(wire->far, wire->server, wire->up, sizeof wire->up, &wire->up_count);
  return move_bytes(wire->server, wire->far, wire->down, sizeof wire->down, &wire->down_count) || any;
}

static uptls_stream *attach(uptls_connector *connector, wire *wire, const char *port) {
  uptls_stream *stream;
  uptls_status status;
  wire_open(wire, port);
  net_unblock(wire->near);
  CHECK(uptls_stream_adopt_fd(connector, wire->near, HOST, UPTLS_FD_OWN, NULL, &stream, NULL) == UPTLS_OK);
  while ((status = uptls_stream_handshake(stream, NULL)) != UPTLS_OK) {
    CHECK(status == UPTLS_WANT_READ || status == UPTLS_WANT_WRITE);
    wire_move(wire);
  }
  return stream;
}

static void fill(void) {
  size_t index;
  for (index = 0; index < TOTAL; index++) out[index] = (char)(index * 7 + index / 251);
  memset(in, 0, sizeof in);
}

/* All of `out` comes back, and nothing more. */
static void all_came(uptls_stream *stream, wire *wire) {
  size_t got = 0, count;
  uptls_status status;
  char more;
  while (got < TOTAL) {
    status = uptls_stream_read(stream, in + got, TOTAL - got, &count, NULL);
    CHECK(status == UPTLS_OK || status == UPTLS_WANT_READ);
    got += count;
    if (status != UPTLS_OK) wire_move(wire);
  }
  while (wire_move(wire)) continue;
  CHECK(uptls_stream_read(stream, &more, 1, &count, NULL) == UPTLS_WANT_READ);
  CHECK(memcmp(in, out, TOTAL) == 0);
}

/* The layer asks for POLLOUT while it holds data, and knows of nothing else. In steps of `most`. */
static void naive(uptls_connector *connector, const char *port, size_t most) {
  wire wire;
  uptls_stream *stream = attach(connector, &wire, port);
  size_t sent = 0, used, blocked = 0;
  fill();
  while (sent < TOTAL) {
    size_t length = TOTAL - sent < most ? TOTAL - sent : most;
    uptls_status status = uptls_stream_write(stream, out + sent, length, &used, NULL);
    CHECK(used <= length && (status == UPTLS_OK) == (used > 0));
    sent += used;
    if (status == UPTLS_OK) continue;
    CHECK(status == UPTLS_WANT_WRITE && (uptls_stream_poll_events(stream) & POLLOUT));
    blocked++;
    wire_move(&wire);
  }
  CHECK(blocked > 0); /* it was met */
  /* The layer has nothing left, so it never calls write again: all of it is on the wire. */
  CHECK(!(uptls_stream_poll_events(stream) & POLLOUT));
  all_came(stream, &wire);
  uptls_stream_free(stream);
  wire_close(&wire);
}

/* The bytes that were not used come next, and no others. A flush sends what waits and uses nothing. */
static void held(uptls_connector *connector, const char *port) {
  wire wire;
  uptls_stream *stream = attach(connector, &wire, port);
  uptls_error *error;
  size_t used, rest;
  char other;
  fill();
  CHECK(uptls_stream_write(stream, out, TOTAL, &used, NULL) == UPTLS_OK && used == TOTAL - 1);
  CHECK(uptls_stream_flush(stream, NULL) == UPTLS_WANT_WRITE);
  CHECK(uptls_stream_write(stream, out + used, 1, &rest, NULL) == UPTLS_WANT_WRITE && rest == 0);
  while (uptls_stream_flush(stream, NULL) == UPTLS_WANT_WRITE) wire_move(&wire);
  CHECK(!(uptls_stream_poll_events(stream) & POLLOUT));
  other = (char)(out[used] + 1);
  net_failed(uptls_stream_write(stream, &other, 1, &rest, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(rest == 0);
  /* The twin: it was refused, and nothing is lost. */
  CHECK(uptls_stream_write(stream, out + used, 1, &rest, NULL) == UPTLS_OK && rest == 1);
  all_came(stream, &wire);
  /* From here on any byte may follow. */
  CHECK(uptls_stream_write(stream, &other, 1, &rest, NULL) == UPTLS_OK && rest == 1);
  CHECK(uptls_stream_shutdown(stream, NULL) == UPTLS_OK);
  net_failed(uptls_stream_write(stream, out, 1, &rest, &error), error, UPTLS_E_USAGE, "misuse");
  uptls_stream_free(stream);
  wire_close(&wire);
}

/* Over a socket that blocks, within its own time limit. */
static void limited(uptls_connector *connector, const char *port) {
  struct timeval limit = {0, 20000};
  wire wire;
  uptls_stream *stream = attach(connector, &wire, port);
  uptls_error *error;
  size_t used, rest;
  fill();
  CHECK(fcntl(wire.near, F_SETFL, 0) == 0);
  CHECK(setsockopt(wire.near, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
  CHECK(uptls_stream_write(stream, out, TOTAL, &used, NULL) == UPTLS_OK && used == TOTAL - 1);
  net_failed(uptls_stream_write(stream, out + used, 1, &rest, &error), error, UPTLS_E_TIMEOUT, "tcp_timeout");
  CHECK(rest == 0);
  net_failed(uptls_stream_flush(stream, &error), error, UPTLS_E_TIMEOUT, "tcp_timeout");
  net_unblock(wire.near);
  while (uptls_stream_write(stream, out + used, 1, &rest, NULL) == UPTLS_WANT_WRITE) wire_move(&wire);
  CHECK(rest == 1);
  all_came(stream, &wire);
  uptls_stream_free(stream);
  wire_close(&wire);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc == 4);
  connector = net_connector(argv[1], argv[2]);
  naive(connector, argv[3], TOTAL);
  naive(connector, argv[3], 1000);
  naive(connector, argv[3], 1);
  held(connector, argv[3]);
  limited(connector, argv[3]);
  uptls_connector_unref(connector);
  return 0;
}
