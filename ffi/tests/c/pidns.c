/* Processes of one number: a connection, a stream and a watch in a child that has the number of its parent, which is 1 in a
 * PID namespace of each. What goes by the number takes the child for the parent. Arguments: policy.yaml, unix seconds, port of
 * an echo server. Status 77: no namespace may be made. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/wait.h>

#include "net.h"

enum { TEXT = 23, WIRE = 65536 };
static const char CHILD[TEXT + 1] = "the child's secret text", PARENT[TEXT + 1] = "AAAAAAAAAAAAAAAAAAAAAAA";

/* The connection of one process, its own or its parent's. */
typedef struct held {
  uptls_conn *conn;
  int fd; /* its socket */
  uptls_stream *stream;
  uptls_watch *watch;
} held;

/* Encrypts `text` and sends it; how many bytes came out. */
static size_t say(held *held, const char *text, char *wire) {
  size_t used, got = 0;
  CHECK(uptls_conn_write(held->conn, text, TEXT, &used, NULL) == UPTLS_OK && used == TEXT);
  CHECK(uptls_conn_drain(held->conn, wire, WIRE, &got, NULL) == UPTLS_OK && got > TEXT);
  CHECK(send(held->fd, wire, got, 0) == (ssize_t)got);
  return got;
}

/* The echo of `text`. */
static void hear(held *held, const char *text) {
  char data[TEXT], wire[WIRE];
  size_t used, got, heard = 0;
  while (heard < TEXT) {
    uptls_status status = uptls_conn_read(held->conn, data + heard, TEXT - heard, &got, NULL);
    CHECK(status >= 0 && status != UPTLS_CLOSED);
    heard += got;
    if (status == UPTLS_WANT_READ) {
      ssize_t count = recv(held->fd, wire, sizeof wire, 0);
      CHECK(count > 0);
      CHECK(uptls_conn_feed(held->conn, wire, (size_t)count, &used, NULL) == UPTLS_OK && used == (size_t)count);
    }
  }
  CHECK(memcmp(data, text, TEXT) == 0);
}

static held make(uptls_connector *connector, const char *port) {
  held made;
  char wire[WIRE];
  size_t count;
  made.fd = net_connect(port);
  CHECK(uptls_conn_new(connector, HOST, NULL, &made.conn, NULL) == UPTLS_OK);
  while (uptls_conn_handshake_state(made.conn) == UPTLS_HANDSHAKE_RUNNING) {
    ssize_t received;
    while (uptls_conn_wants(made.conn) & UPTLS_WANTS_WRITE) {
      CHECK(uptls_conn_drain(made.conn, wire, sizeof wire, &count, NULL) == UPTLS_OK);
      CHECK(send(made.fd, wire, count, 0) == (ssize_t)count);
    }
    if (uptls_conn_handshake_state(made.conn) != UPTLS_HANDSHAKE_RUNNING) break;
    received = recv(made.fd, wire, sizeof wire, 0);
    CHECK(received > 0 && uptls_conn_feed(made.conn, wire, (size_t)received, &count, NULL) == UPTLS_OK);
  }
  CHECK(uptls_conn_handshake_state(made.conn) == UPTLS_HANDSHAKE_DONE);
  while (uptls_conn_wants(made.conn) & UPTLS_WANTS_WRITE) {
    CHECK(uptls_conn_drain(made.conn, wire, sizeof wire, &count, NULL) == UPTLS_OK);
    CHECK(send(made.fd, wire, count, 0) == (ssize_t)count);
  }
  CHECK(uptls_stream_adopt_fd(connector, net_connect(port), HOST, UPTLS_FD_OWN, NULL, &made.stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_handshake(made.stream, NULL) == UPTLS_OK);
  CHECK(uptls_watch_new(&made.watch, NULL) == UPTLS_OK);
  return made;
}

/* All of it is refused, and can be freed. */
static void refused(held *parents, uptls_connector *connector) {
  char data[WIRE];
  uptls_error *error;
  size_t count;
  net_failed(uptls_conn_write(parents->conn, CHILD, TEXT, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_read(parents->conn, data, 1, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_feed(parents->conn, CHILD, TEXT, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_drain(parents->conn, data, sizeof data, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_close_notify(parents->conn, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_conn_wants(parents->conn) == 0 && uptls_conn_pending(parents->conn) == 0);
  net_failed(uptls_stream_write(parents->stream, CHILD, TEXT, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_read(parents->stream, data, 1, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_shutdown(parents->stream, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_watch_add(parents->watch, connector, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_watch_dispatch(parents->watch, &count, &error), error, UPTLS_E_USAGE, "misuse");
}

static void release(held *held) {
  uptls_conn_free(held->conn);
  uptls_stream_free(held->stream);
  uptls_watch_free(held->watch);
  close(held->fd);
}

static void goes_on(held *held) {
  char data[TEXT], wire[WIRE];
  size_t used, heard = 0;
  say(held, PARENT, wire);
  hear(held, PARENT);
  CHECK(uptls_stream_write(held->stream, PARENT, TEXT, &used, NULL) == UPTLS_OK && used == TEXT);
  while (heard < TEXT) {
    CHECK(uptls_stream_read(held->stream, data + heard, TEXT - heard, &used, NULL) == UPTLS_OK);
    heard += used;
  }
  CHECK(memcmp(data, PARENT, TEXT) == 0);
}

/* Whether the child that runs this ended well. */
static void ended(pid_t child) {
  int status;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The first process of a namespace: its child is the first of another. */
static int first(uptls_connector *connector, const char *port) {
  held own = make(connector, port);
  pid_t child;
  CHECK(getpid() == 1 && unshare(CLONE_NEWPID) == 0);
  child = fork();
  if (child == 0) {
    held childs;
    CHECK(getpid() == 1);
    refused(&own, connector);
    childs = make(connector, port);
    goes_on(&childs);
    child = fork(); /* and a child of it has neither */
    if (child == 0) {
      refused(&own, connector);
      refused(&childs, connector);
      release(&own);
      release(&childs);
      exit(0);
    }
    ended(child);
    refused(&own, connector);
    goes_on(&childs);
    release(&own);
    release(&childs);
    exit(0);
  }
  ended(child);
  goes_on(&own);
  release(&own);
  return 0;
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  pid_t child;
  CHECK(argc == 4);
  if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) return 77;
  connector = net_connector(argv[1], argv[2]);
  child = fork();
  if (child == 0) {
    int status = first(connector, argv[3]);
    uptls_connector_unref(connector);
    exit(status);
  }
  ended(child);
  uptls_connector_unref(connector);
  return 0;
}
