/* Many connections at once, one thread: epoll policy.yaml HOST ADDRESS PORT COUNT
 *
 * Each makes one verified request. Prints how many were answered; ends with 1 unless all were.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uptls.h>

enum { EVENTS = 64, TICK = 100 };

/* What all connections share. */
struct client {
  struct addrinfo *address;
  uptls_connector *connector;
  const char *host;
  char request[512];
  size_t length;
  int epoll;
  int open, answered;
};

struct peer {
  uptls_stream *stream; /* NULL: over */
  uint32_t waits_for;
  size_t sent, got;
};

static void finish(struct client *client, struct peer *peer, uptls_error *error) {
  if (error != NULL) {
    fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  } else if (peer->got > 0) {
    client->answered++;
  }
  uptls_error_free(error);
  uptls_stream_free(peer->stream); /* closes its socket too, which leaves the epoll by that */
  peer->stream = NULL;
  client->open--;
}

static uptls_status advance(struct client *client, struct peer *peer, uptls_error **error) {
  char answer[16384];
  size_t count;
  uptls_status status = uptls_stream_handshake(peer->stream, error);
  while (status == UPTLS_OK && peer->sent < client->length) {
    const char *rest = client->request + peer->sent;
    status = uptls_stream_write(peer->stream, rest, client->length - peer->sent, &count, error);
    if (status == UPTLS_OK) peer->sent += count;
  }
  while (status == UPTLS_OK) {
    status = uptls_stream_read(peer->stream, answer, sizeof answer, &count, error);
    if (status == UPTLS_OK) peer->got += count;
  }
  return status;
}

/* As far as it goes, then waits for what it needs next. */
static void step(struct client *client, struct peer *peer) {
  struct epoll_event event;
  uptls_error *error = NULL;
  uptls_status status = advance(client, peer, &error);
  if (status < 0 || status == UPTLS_CLOSED) {
    finish(client, peer, error);
    return;
  }
  /* The bits of poll are those of epoll. */
  event.events = (uint32_t)uptls_stream_poll_events(peer->stream);
  event.data.ptr = peer;
  if (event.events != peer->waits_for) {
    epoll_ctl(client->epoll, EPOLL_CTL_MOD, uptls_stream_fd(peer->stream), &event);
    peer->waits_for = event.events;
  }
}

/* A connection under way. 0, or -1 with a reason on stderr. */
static int begin(struct client *client, struct peer *peer) {
  const struct addrinfo *to = client->address;
  struct epoll_event event;
  uptls_error *error;
  int fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
  if (fd < 0 || (connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS)) {
    perror("connect");
    if (fd >= 0) close(fd);
    return -1;
  }
  if (uptls_stream_adopt_fd(client->connector, fd, client->host, UPTLS_FD_OWN, NULL, &peer->stream, &error) < 0) {
    fprintf(stderr, "%s: %s\n", uptls_error_code(error), uptls_error_message(error));
    uptls_error_free(error);
    close(fd);
    return -1;
  }
  client->open++;
  event.events = peer->waits_for = EPOLLOUT; /* it can write once it is connected */
  event.data.ptr = peer;
  return epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void run(struct client *client, struct peer *peers, int count) {
  struct epoll_event events[EVENTS];
  int index, ready;
  for (index = 0; index < count && begin(client, &peers[index]) == 0; index++) continue;
  while (client->open > 0) {
    ready = epoll_wait(client->epoll, events, EVENTS, TICK);
    for (index = 0; index < ready; index++) step(client, events[index].data.ptr);
    if (ready > 0) continue;
    /* Nothing happens: whose handshake is too late? */
    for (index = 0; index < count; index++) {
      uptls_error *error;
      if (peers[index].stream == NULL || uptls_stream_timeout_ms(peers[index].stream) != 0) continue;
      uptls_stream_expire(peers[index].stream, &error);
      finish(client, &peers[index], error);
    }
  }
}

/* The more sockets are permitted the better. */
static void allow_many_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int main(int argc, char **argv) {
  struct client client;
  struct addrinfo hints;
  struct peer *peers = NULL;
  uptls_runtime *runtime = NULL;
  uptls_policy *policy = NULL;
  uptls_error *error;
  int count;

  memset(&client, 0, sizeof client);
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  if (argc != 6 || (count = atoi(argv[5])) < 1 || getaddrinfo(argv[3], argv[4], &hints, &client.address) != 0) {
    return fprintf(stderr, "usage: %s policy.yaml HOST ADDRESS PORT COUNT\n", argv[0]), 2;
  }
  allow_many_files();
  client.host = argv[2];
  client.length = (size_t)snprintf(client.request, sizeof client.request,
                                   "GET / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n\r\n", argv[2]);
  client.epoll = epoll_create1(EPOLL_CLOEXEC);
  peers = calloc((size_t)count, sizeof *peers);
  if (uptls_runtime_new(&runtime, &error) < 0 ||
      uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error) < 0 ||
      uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &client.connector, &error) < 0) {
    fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
    uptls_error_free(error);
  } else if (peers != NULL && client.epoll >= 0) {
    run(&client, peers, count);
  }
  printf("%d of %d answered\n", client.answered, count);
  free(peers);
  close(client.epoll);
  freeaddrinfo(client.address);
  uptls_connector_unref(client.connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return client.answered == count ? 0 : 1;
}
