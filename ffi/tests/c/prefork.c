/* Load before fork, attach after: a parent loads the policy; four workers, each with an epoll of its own, connect, watch
 * and follow the change of a file. Arguments: folder of our own with policy.yaml and ca.pem, a CA file with that and
 * another CA in it, unix seconds, port of an honest server. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/wait.h>

#include "net.h"

enum { WORKERS = 4, STREAMS = 3, RANDOM = 11, BYTES = 32 };

typedef struct peer {
  uptls_stream *stream;
  char text[1024];
  size_t used, sent;
  int ended;
} peer;

static void add(int epoll, int fd, uint32_t events, void *data) {
  struct epoll_event event;
  event.events = events;
  event.data.ptr = data;
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

/* Goes as far as it can without waiting, and says for what it waits. */
static uint32_t step(peer *peer) {
  uptls_status status;
  size_t count;
  while (peer->sent < strlen(REQUEST)) {
    status = uptls_stream_write(peer->stream, REQUEST + peer->sent, strlen(REQUEST) - peer->sent, &count, NULL);
    CHECK(status >= 0);
    if (status != UPTLS_OK) return status == UPTLS_WANT_READ ? EPOLLIN : EPOLLOUT;
    peer->sent += count;
  }
  for (;;) {
    status = uptls_stream_read(peer->stream, peer->text + peer->used, sizeof peer->text - 1 - peer->used, &count, NULL);
    CHECK(status >= 0);
    if (status == UPTLS_CLOSED) {
      peer->text[peer->used] = '\0';
      CHECK(strstr(peer->text, BODY) != NULL);
      peer->ended = 1;
      return 0;
    }
    if (status != UPTLS_OK) return status == UPTLS_WANT_READ ? EPOLLIN : EPOLLOUT;
    peer->used += count;
  }
}

static void end(peer *peer, int *left) {
  uptls_stream_free(peer->stream);
  *left -= 1;
}

static void talk(uptls_connector *connector, int epoll, const char *port) {
  static peer peers[STREAMS];
  int index, left = STREAMS;
  memset(peers, 0, sizeof peers);
  for (index = 0; index < STREAMS; index++) {
    int fd = net_connect(port);
    uint32_t events;
    net_unblock(fd);
    CHECK(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_OWN, NULL, &peers[index].stream, NULL) == UPTLS_OK);
    events = step(&peers[index]);
    if (peers[index].ended) {
      end(&peers[index], &left);
    } else {
      add(epoll, fd, events, &peers[index]);
    }
  }
  while (left > 0) {
    struct epoll_event events[STREAMS];
    int count = epoll_wait(epoll, events, STREAMS, 30000);
    CHECK(count > 0);
    for (index = 0; index < count; index++) {
      peer *peer = events[index].data.ptr;
      int fd = uptls_stream_fd(peer->stream);
      events[index].events = step(peer);
      if (!peer->ended) {
        CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &events[index]) == 0);
        continue;
      }
      CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0);
      end(peer, &left);
    }
  }
}

/* A worker: what it reports is the random of a ClientHello, once before and once after the change. */
static int work(uptls_connector *connector, uptls_conn *parents_conn, uptls_watch *parents_watch, const char *port,
                int report) {
  char hello[2048], data[1];
  uptls_error *error;
  uptls_watch *watch;
  uptls_conn *conn;
  size_t count, changed = 0;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll >= 0);
  /* what belongs to the parent is refused, and can be freed */
  net_failed(uptls_conn_drain(parents_conn, hello, sizeof hello, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_conn_read(parents_conn, data, 1, &count, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_conn_wants(parents_conn) == 0);
  net_failed(uptls_watch_dispatch(parents_watch, &count, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_watch_add(parents_watch, connector, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_watch_fd(parents_watch) == -1);
  uptls_conn_free(parents_conn);
  uptls_watch_free(parents_watch);

  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
  CHECK(uptls_conn_drain(conn, hello, sizeof hello, &count, NULL) == UPTLS_OK && count > RANDOM + BYTES);
  uptls_conn_free(conn);

  CHECK(uptls_watch_new(&watch, NULL) == UPTLS_OK && uptls_watch_add(watch, connector, NULL) == UPTLS_OK);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  talk(connector, epoll, port);
  CHECK(write(report, hello + RANDOM, BYTES) == BYTES); /* the parent changes the file when all have said so */

  add(epoll, uptls_watch_fd(watch), EPOLLIN, watch);
  while (changed == 0) {
    struct epoll_event event;
    CHECK(epoll_wait(epoll, &event, 1, 30000) == 1 && event.data.ptr == watch);
    CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK);
  }
  CHECK(changed == 1 && uptls_connector_generation(connector) == 2);
  /* what follows knows connections alone */
  CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, uptls_watch_fd(watch), NULL) == 0);
  talk(connector, epoll, port); /* by the new generation */
  uptls_watch_free(watch);
  uptls_connector_unref(connector);
  close(epoll);
  close(report);
  return 0;
}

static void copy(const char *from, const char *to) {
  size_t length;
  char *text = check_file(from, &length), spare[4096];
  FILE *stream;
  CHECK(snprintf(spare, sizeof spare, "%s.new", to) < (int)sizeof spare);
  stream = fopen(spare, "wb");
  CHECK(stream != NULL && fwrite(text, 1, length, stream) == length && fclose(stream) == 0);
  CHECK(rename(spare, to) == 0);
  free(text);
}

int main(int argc, char **argv) {
  char policy[4096], ca[4096], randoms[WORKERS + 1][BYTES], hello[2048];
  uptls_connector *connector;
  uptls_conn *conn;
  uptls_watch *watch;
  size_t count;
  int index, other, pipes[2];
  CHECK(argc == 5);
  CHECK(snprintf(policy, sizeof policy, "%s/policy.yaml", argv[1]) < (int)sizeof policy);
  CHECK(snprintf(ca, sizeof ca, "%s/ca.pem", argv[1]) < (int)sizeof ca);
  connector = net_connector(policy, argv[3]);
  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
  CHECK(uptls_watch_new(&watch, NULL) == UPTLS_OK);
  CHECK(pipe(pipes) == 0);
  for (index = 0; index < WORKERS; index++) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      close(pipes[0]);
      exit(work(connector, conn, watch, argv[4], pipes[1]));
    }
  }
  close(pipes[1]);
  for (index = 0; index < WORKERS; index++) CHECK(read(pipes[0], randoms[index], BYTES) == BYTES);
  /* the parent's own goes on */
  CHECK(uptls_conn_drain(conn, hello, sizeof hello, &count, NULL) == UPTLS_OK && count > RANDOM + BYTES);
  memcpy(randoms[WORKERS], hello + RANDOM, BYTES);
  for (index = 0; index <= WORKERS; index++) {
    for (other = 0; other < index; other++) CHECK(memcmp(randoms[index], randoms[other], BYTES) != 0);
  }
  copy(argv[2], ca);
  for (index = 0; index < WORKERS; index++) {
    int status;
    CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  CHECK(uptls_connector_generation(connector) == 1); /* an update in one process is none in another */
  uptls_conn_free(conn);
  uptls_watch_free(watch);
  uptls_connector_unref(connector);
  close(pipes[0]);
  return 0;
}
