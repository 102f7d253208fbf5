/* A relay, the heart of a proxy: standard input goes to a verified peer, and its answer to standard output:
 * relay policy.yaml HOST ADDRESS PORT
 *
 * Each direction ends by itself (half-close), and neither reads more than its other side takes (backpressure).
 */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <uptls.h>

/* One direction. POLLOUT of a pipe promises room for PIPE_BUF bytes, and that is at least this. */
struct flow {
  char bytes[512];
  size_t begin, end;
  int open; /* more may come */
};

static int is_empty(const struct flow *flow) { return flow->begin == flow->end; }

static void took(struct flow *flow, size_t count) {
  flow->begin += count;
  if (is_empty(flow)) flow->begin = flow->end = 0;
}

struct relay {
  uptls_stream *stream;
  struct flow up, down;
  int said_end; /* our close_notify was sent */
};

/* Plaintext to the peer; at its end close_notify, and the peer's answer still comes. */
static uptls_status push(struct relay *relay, uptls_error **error) {
  uptls_status status = UPTLS_OK;
  size_t count;
  while (status == UPTLS_OK && !is_empty(&relay->up)) {
    struct flow *up = &relay->up;
    status = uptls_stream_write(relay->stream, up->bytes + up->begin, up->end - up->begin, &count, error);
    took(up, count);
  }
  if (status == UPTLS_OK && !relay->up.open && !relay->said_end) {
    status = uptls_stream_shutdown(relay->stream, error);
    relay->said_end = status == UPTLS_OK;
  }
  return status;
}

/* The peer's data, if what came before is out: a reader that is slow slows the peer down, and no buffer grows. */
static uptls_status pull(struct relay *relay, uptls_error **error) {
  struct flow *down = &relay->down;
  uptls_status status;
  if (!down->open || !is_empty(down)) return UPTLS_OK;
  status = uptls_stream_read(relay->stream, down->bytes, sizeof down->bytes, &down->end, error);
  if (status == UPTLS_CLOSED) down->open = 0;
  return status == UPTLS_CLOSED ? UPTLS_OK : status;
}

/* Waits until something can go on, and moves what is plain. 0 goes on; -1 ends with errno. */
static int wait_and_move(struct relay *relay) {
  struct pollfd fds[3];
  int ready = uptls_stream_pending(relay->stream) && is_empty(&relay->down);
  ssize_t count;
  memset(fds, 0, sizeof fds);
  fds[0].fd = relay->up.open && is_empty(&relay->up) ? STDIN_FILENO : -1;
  fds[0].events = POLLIN;
  fds[1].fd = uptls_stream_fd(relay->stream);
  fds[1].events = uptls_stream_poll_events(relay->stream);
  /* Not POLLIN while there is no room: the socket stays readable, and the loop would spin. */
  if (!is_empty(&relay->down)) fds[1].events &= ~POLLIN;
  if (fds[1].events == 0) fds[1].fd = -1;
  fds[2].fd = is_empty(&relay->down) ? -1 : STDOUT_FILENO;
  fds[2].events = POLLOUT;
  if (poll(fds, 3, ready ? 0 : (int)uptls_stream_timeout_ms(relay->stream)) < 0) return -1;
  if (fds[0].revents != 0) {
    if ((count = read(STDIN_FILENO, relay->up.bytes, sizeof relay->up.bytes)) < 0) return -1;
    relay->up.end = (size_t)count;
    relay->up.open = count > 0;
  }
  if (fds[2].revents != 0) {
    count = write(STDOUT_FILENO, relay->down.bytes + relay->down.begin, relay->down.end - relay->down.begin);
    if (count < 0) return -1;
    took(&relay->down, (size_t)count);
  }
  return 0;
}

static int complain(uptls_error *error) {
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}

/* Until the peer has said its last byte, and it is out. */
static int run(struct relay *relay) {
  uptls_error *error = NULL;
  while (relay->down.open || !is_empty(&relay->down)) {
    uptls_status status = uptls_stream_handshake(relay->stream, &error);
    if (status == UPTLS_OK) status = push(relay, &error);
    if (status >= 0 && uptls_stream_handshake_state(relay->stream) == UPTLS_HANDSHAKE_DONE) status = pull(relay, &error);
    if (status < 0) return complain(error);
    if (wait_and_move(relay) < 0) return perror("relay"), 1;
    if (uptls_stream_expire(relay->stream, &error) < 0) return complain(error);
  }
  return 0;
}

int main(int argc, char **argv) {
  struct relay relay;
  uptls_runtime *runtime = NULL;
  uptls_policy *policy = NULL;
  uptls_connector *connector = NULL;
  uptls_error *error;
  int code, fd;

  if (argc != 5) return fprintf(stderr, "usage: %s policy.yaml HOST ADDRESS PORT\n", argv[0]), 2;
  memset(&relay, 0, sizeof relay);
  relay.up.open = relay.down.open = 1;
  signal(SIGPIPE, SIG_IGN); /* for standard output; the library never raises it */
  if (uptls_runtime_new(&runtime, &error) < 0 ||
      uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error) < 0 ||
      uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, &error) < 0 ||
      uptls_stream_connect(connector, argv[2], (uint16_t)atoi(argv[4]), argv[3], NULL, &relay.stream, &error) < 0) {
    code = complain(error);
  } else {
    fd = uptls_stream_fd(relay.stream);
    code = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? (perror("fcntl"), 1) : run(&relay);
  }
  uptls_stream_free(relay.stream);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return code;
}
