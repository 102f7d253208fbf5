/* Much data in both directions at once, through buffers that are full and records that are cut. Arguments: policy, unix
 * seconds, port of a server that echoes. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

enum { TOTAL = 3 << 20 };

static char out[TOTAL], in[TOTAL];

static void fill(void) {
  uint32_t state = 1;
  size_t index;
  for (index = 0; index < TOTAL; index++) {
    state = state * 1664525 + 1013904223;
    out[index] = (char)(state >> 24);
  }
  memset(in, 0, sizeof in);
}

/* Over a socket that does not block and takes little at once. */
static void stream(uptls_connector *connector, const char *port) {
  uptls_stream *stream;
  size_t sent = 0, got = 0, count;
  int fd = net_connect(port), small = 4096;
  char end[1];
  uptls_status status;
  fill();
  CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
  net_unblock(fd);
  CHECK(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_OWN, NULL, &stream, NULL) == UPTLS_OK);
  while (got < TOTAL) {
    struct pollfd entry;
    int moved = 0;
    if (sent < TOTAL) {
      status = uptls_stream_write(stream, out + sent, TOTAL - sent, &count, NULL);
      CHECK(status >= 0 && status != UPTLS_CLOSED && (status == UPTLS_OK) == (count > 0));
    } else {
      status = uptls_stream_write(stream, NULL, 0, &count, NULL);
      CHECK(status >= 0 && status != UPTLS_CLOSED && count == 0);
    }
    sent += count;
    moved |= count > 0;
    status = uptls_stream_read(stream, in + got, TOTAL - got, &count, NULL);
    CHECK(status >= 0 && status != UPTLS_CLOSED && (status == UPTLS_OK) == (count > 0));
    got += count;
    moved |= count > 0;
    if (moved) continue;
    CHECK(!uptls_stream_pending(stream));
    entry.fd = fd;
    entry.events = uptls_stream_poll_events(stream);
    CHECK(entry.events & POLLIN);
    CHECK(poll(&entry, 1, 30000) == 1);
  }
  CHECK(sent == TOTAL && memcmp(in, out, TOTAL) == 0);
  while ((status = uptls_stream_shutdown(stream, NULL)) != UPTLS_OK) CHECK(status == UPTLS_WANT_WRITE);
  CHECK(shutdown(fd, SHUT_WR) == 0);
  while ((status = uptls_stream_read(stream, end, 1, &count, NULL)) == UPTLS_WANT_READ) {
    struct pollfd entry;
    entry.fd = fd;
    entry.events = POLLIN;
    CHECK(poll(&entry, 1, 30000) == 1);
  }
  CHECK(status == UPTLS_CLOSED && count == 0);
  uptls_stream_free(stream);
}

/* Bytes in, bytes out: taken as far as there is room, and given again. */
static void conn(uptls_connector *connector, const char *port) {
  static char wire[100000], piece[5000];
  uptls_conn *conn;
  size_t sent = 0, got = 0, held = 0, waiting = 0, count;
  int fd = net_connect(port), full = 0;
  fill();
  net_unblock(fd);
  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
  while (got < TOTAL) {
    struct pollfd entry;
    ssize_t moved;
    uptls_status status;
    do {
      status = uptls_conn_write(conn, out + sent, TOTAL - sent, &count, NULL);
      CHECK(status >= 0 && (status == UPTLS_OK) == (count > 0 || sent == TOTAL));
      sent += count;
    } while (count > 0);
    full += status == UPTLS_WANT_WRITE && sent > 0;
    if (waiting == 0) CHECK(uptls_conn_drain(conn, piece, sizeof piece, &waiting, NULL) == UPTLS_OK);
    entry.fd = fd;
    entry.events = (short)((held < sizeof wire ? POLLIN : 0) | (waiting > 0 ? POLLOUT : 0));
    CHECK(poll(&entry, 1, 30000) == 1);
    if (entry.revents & POLLOUT) {
      moved = send(fd, piece, waiting, MSG_NOSIGNAL);
      CHECK(moved > 0);
      waiting -= (size_t)moved;
      memmove(piece, piece + moved, waiting);
    }
    if (entry.revents & POLLIN) {
      moved = recv(fd, wire + held, sizeof wire - held, 0);
      CHECK(moved > 0);
      held += (size_t)moved;
    }
    do {
      CHECK(uptls_conn_feed(conn, wire, held, &count, NULL) == UPTLS_OK);
      CHECK(count == held || uptls_conn_pending(conn)); /* else it must be read first */
      held -= count;
      memmove(wire, wire + count, held);
      while (got < TOTAL) {
        CHECK(uptls_conn_read(conn, in + got, TOTAL - got < 3000 ? TOTAL - got : 3000, &count, NULL) >= 0);
        got += count;
        if (count == 0) break;
      }
    } while (held > 0 && got < TOTAL);
  }
  CHECK(sent == TOTAL && memcmp(in, out, TOTAL) == 0);
  CHECK(full > 0); /* it was met */
  uptls_conn_free(conn);
  close(fd);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc == 4);
  connector = net_connector(argv[1], argv[2]);
  stream(connector, argv[3]);
  conn(connector, argv[3]);
  uptls_connector_unref(connector);
  return 0;
}
