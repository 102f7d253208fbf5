/* TLS in memory: bytes go in and come out, and what carries them is the program's affair. Here that is a socket; it
 * could be a proxy's tunnel, a message queue, a test. memory policy.yaml HOST ADDRESS PORT
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uptls.h>

enum { WIRE = 16 * 1024 + 512 }; /* a record, more or less: fewer calls */

static int complain(uptls_error *error) {
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}

static int dial(const char *address, const char *port) {
  struct addrinfo hints, *found;
  int fd = -1;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(address, port, &hints, &found) != 0) return -1;
  fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  return fd;
}

/* Everything that the connection has for the wire: after an error too, for the peer is told why. 0, or an errno. */
static int send_all(uptls_conn *conn, int fd) {
  char wire[WIRE];
  size_t got, sent;
  ssize_t count;
  while (uptls_conn_drain(conn, wire, sizeof wire, &got, NULL) == UPTLS_OK && got > 0) {
    for (sent = 0; sent < got; sent += (size_t)count) {
      count = send(fd, wire + sent, got - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) count = 0;
      if (count < 0) return errno;
    }
  }
  return 0;
}

/* One piece from the wire. The connection also learns of the end, and of failures: it knows what they mean. */
static uptls_status receive(uptls_conn *conn, int fd, uptls_error **error) {
  char wire[WIRE];
  size_t used;
  ssize_t count = recv(fd, wire, sizeof wire, 0);
  if (count == 0) return uptls_conn_feed_eof(conn, error);
  if (count < 0) return errno == EINTR ? UPTLS_OK : uptls_conn_feed_error(conn, errno, error);
  /* All is taken: what came before was read to its end. */
  return uptls_conn_feed(conn, wire, (size_t)count, &used, error);
}

/* Sends the request, prints the answer. */
static uptls_status talk(uptls_conn *conn, int fd, const char *request, uptls_error **error) {
  char answer[16384];
  size_t count, length = strlen(request);
  uptls_status status = UPTLS_OK;
  while (status >= 0 && status != UPTLS_CLOSED) {
    int failed = send_all(conn, fd);
    if (failed) return uptls_conn_feed_error(conn, failed, error);
    if (length > 0 && uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_DONE) {
      status = uptls_conn_write(conn, request, length, &count, error);
      if (status == UPTLS_OK) {
        request += count;
        length -= count;
      }
      continue; /* to the wire with it */
    }
    while ((status = uptls_conn_read(conn, answer, sizeof answer, &count, error)) == UPTLS_OK) {
      fwrite(answer, 1, count, stdout);
    }
    if (status == UPTLS_WANT_READ) status = receive(conn, fd, error);
  }
  return status;
}

int main(int argc, char **argv) {
  char request[512];
  uptls_runtime *runtime = NULL;
  uptls_policy *policy = NULL;
  uptls_connector *connector = NULL;
  uptls_conn *conn = NULL;
  uptls_error *error;
  int fd, code = 0;

  if (argc != 5) return fprintf(stderr, "usage: %s policy.yaml HOST ADDRESS PORT\n", argv[0]), 2;
  if ((fd = dial(argv[3], argv[4])) < 0) {
    fprintf(stderr, "%s port %s: %s\n", argv[3], argv[4], strerror(errno));
    return 1;
  }
  snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n\r\n", argv[2]);
  if (uptls_runtime_new(&runtime, &error) < 0 ||
      uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error) < 0 ||
      uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, &error) < 0 ||
      uptls_conn_new(connector, argv[2], NULL, &conn, &error) < 0 || talk(conn, fd, request, &error) < 0) {
    code = complain(error);
  } else {
    uptls_conn_close_notify(conn, NULL);
  }
  if (conn != NULL) send_all(conn, fd); /* the farewell, or the alert */
  close(fd);
  uptls_conn_free(conn);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return code;
}
