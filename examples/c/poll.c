/* A verified GET in a poll loop, over a socket of the program's own: poll policy.yaml HOST ADDRESS PORT
 *
 * The socket does not block, and the library changes nothing on it. A program with its own loop takes three things from
 * here: uptls_stream_poll_events, uptls_stream_timeout_ms, and what a status asks for.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uptls.h>

/* Says why and frees the error. */
static int complain(uptls_error *error) {
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}

/* A connected socket that does not block, or -1. */
static int dial(const char *address, const char *port) {
  struct addrinfo hints, *found, *next;
  int fd = -1;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(address, port, &hints, &found) != 0) return -1;
  for (next = found; next != NULL && fd < 0; next = next->ai_next) {
    fd = socket(next->ai_family, next->ai_socktype, next->ai_protocol);
    if (fd >= 0 && (connect(fd, next->ai_addr, next->ai_addrlen) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
      close(fd);
      fd = -1;
    }
  }
  freeaddrinfo(found);
  return fd;
}

struct request {
  char text[512];
  size_t length, sent;
};

/* As far as it goes now: UPTLS_CLOSED at the end of the answer, WANT_READ or WANT_WRITE, or a failure. */
static uptls_status advance(uptls_stream *stream, struct request *request, uptls_error **error) {
  char answer[16384];
  size_t count;
  uptls_status status = uptls_stream_handshake(stream, error);
  while (status == UPTLS_OK && request->sent < request->length) {
    status = uptls_stream_write(stream, request->text + request->sent, request->length - request->sent, &count, error);
    if (status == UPTLS_OK) request->sent += count;
  }
  while (status == UPTLS_OK) {
    status = uptls_stream_read(stream, answer, sizeof answer, &count, error);
    if (status == UPTLS_OK) fwrite(answer, 1, count, stdout);
  }
  return status;
}

/* The loop of this program; a real one has more to wait for. */
static int talk(uptls_stream *stream, struct request *request) {
  uptls_error *error;
  for (;;) {
    struct pollfd waiting;
    int64_t timeout;
    uptls_status status = advance(stream, request, &error);
    if (status == UPTLS_CLOSED) return 0;
    if (status < 0) return complain(error);
    waiting.fd = uptls_stream_fd(stream);
    waiting.events = uptls_stream_poll_events(stream);
    timeout = uptls_stream_timeout_ms(stream); /* of the handshake; -1 once it is done */
    if (poll(&waiting, 1, (int)timeout) == 0 && uptls_stream_expire(stream, &error) < 0) return complain(error);
  }
}

int main(int argc, char **argv) {
  struct request request;
  uptls_runtime *runtime = NULL;
  uptls_policy *policy = NULL;
  uptls_connector *connector = NULL;
  uptls_stream *stream = NULL;
  uptls_error *error;
  int fd, code;

  if (argc != 5) return fprintf(stderr, "usage: %s policy.yaml HOST ADDRESS PORT\n", argv[0]), 2;
  request.sent = 0;
  request.length = (size_t)snprintf(request.text, sizeof request.text,
                                    "GET / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n\r\n", argv[2]);
  if ((fd = dial(argv[3], argv[4])) < 0) {
    fprintf(stderr, "%s port %s: %s\n", argv[3], argv[4], strerror(errno));
    return 1;
  }
  if (uptls_runtime_new(&runtime, &error) < 0 ||
      uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error) < 0 ||
      uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, &error) < 0 ||
      uptls_stream_adopt_fd(connector, fd, argv[2], UPTLS_FD_BORROW, NULL, &stream, &error) < 0) {
    code = complain(error);
  } else {
    code = talk(stream, &request);
  }
  uptls_stream_free(stream); /* the socket stays the program's: UPTLS_FD_BORROW */
  close(fd);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return code;
}
