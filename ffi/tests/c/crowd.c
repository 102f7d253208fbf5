/* Two threads that read one stream: the second is told, and nothing is harmed; and many threads on one connector. Arguments:
 * policy, unix seconds, port of an honest server. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <time.h>

#include "net.h"

static void *read_one(void *stream) {
  char data[1];
  size_t got;
  uptls_error *error;
  uptls_status status;
  /* The main thread may be inside for a moment; then this one waits until that ends the transport. */
  while ((status = uptls_stream_read(stream, data, 1, &got, &error)) == UPTLS_E_USAGE) uptls_error_free(error);
  net_failed(status, error, UPTLS_E_TRUNCATED, "truncated");
  return NULL;
}

static void two(uptls_connector *connector, const char *port) {
  struct timespec nap = {0, 1000000};
  uptls_stream *stream;
  uptls_error *error;
  uptls_status status;
  pthread_t thread;
  size_t got;
  CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", NULL, &stream, NULL) == UPTLS_OK);
  int fd = uptls_stream_fd(stream);
  CHECK(pthread_create(&thread, NULL, read_one, stream) == 0);
  while ((status = uptls_stream_read(stream, NULL, 0, &got, &error)) == UPTLS_OK) nanosleep(&nap, NULL);
  CHECK(strstr(uptls_error_message(error), "thread") != NULL);
  net_failed(status, error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_stream_fd(stream) == fd && uptls_stream_poll_events(stream) == POLLIN);
  CHECK(shutdown(fd, SHUT_RDWR) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  uptls_stream_free(stream);
}

typedef struct task {
  uptls_connector *connector;
  const char *port;
} task;

static void *work(void *argument) {
  task *mine = argument;
  int round;
  for (round = 0; round < 4; round++) {
    uptls_stream *stream;
    uptls_evidence *evidence;
    char *json;
    CHECK(uptls_stream_connect(mine->connector, HOST, (uint16_t)atoi(mine->port), "127.0.0.1", NULL, &stream, NULL) ==
          UPTLS_OK);
    CHECK(uptls_stream_evidence(stream, &evidence, NULL) == UPTLS_OK);
    uptls_connector_is_current(mine->connector, evidence);
    CHECK(uptls_connector_next_event(mine->connector, &json, NULL) == UPTLS_OK);
    uptls_string_free(json);
    uptls_evidence_unref(evidence);
    uptls_stream_free(stream);
  }
  uptls_connector_unref(mine->connector);
  return NULL;
}

static void many(uptls_connector *connector, const char *port) {
  pthread_t threads[4];
  task tasks[4];
  uptls_policy *policy;
  uint64_t generation;
  int index;
  for (index = 0; index < 4; index++) {
    tasks[index].connector = uptls_connector_ref(connector);
    tasks[index].port = port;
    CHECK(pthread_create(&threads[index], NULL, work, &tasks[index]) == 0);
  }
  CHECK(uptls_connector_policy(connector, &policy, NULL) == UPTLS_OK);
  for (index = 0; index < 100; index++) {
    CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK && generation == 1);
  }
  uptls_policy_unref(policy);
  for (index = 0; index < 4; index++) CHECK(pthread_join(threads[index], NULL) == 0);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc == 4);
  connector = net_connector(argv[1], argv[2]);
  two(connector, argv[3]);
  many(connector, argv[3]);
  uptls_connector_unref(connector);
  return 0;
}
