/* One rotation, as core/tests/observe/rotation.rs has it: what observers are told, and the counters after it. Arguments: the
 * policies before, with one CA more, and with an empty bundle, unix seconds, port of the right server and of another one. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

static uptls_runtime *runtime;

/* One exchange, or why there is none. */
static void visit(uptls_connector *connector, uint16_t port, const char *code) {
  static char text[4096];
  uptls_stream *stream;
  uptls_error *error;
  size_t count;
  uptls_status status = uptls_stream_connect(connector, HOST, port, "127.0.0.1", NULL, &stream, &error);
  if (code != NULL) {
    CHECK(status < 0 && strcmp(uptls_error_code(error), code) == 0);
    uptls_error_free(error);
    return;
  }
  CHECK(status == UPTLS_OK);
  CHECK(uptls_stream_write(stream, REQUEST, strlen(REQUEST), &count, NULL) == UPTLS_OK);
  while ((status = uptls_stream_read(stream, text, sizeof text, &count, NULL)) == UPTLS_OK) continue;
  CHECK(status == UPTLS_CLOSED);
  uptls_stream_free(stream);
}

static void update(uptls_connector *connector, const char *path) {
  uptls_policy *policy;
  uptls_error *error;
  uint64_t generation;
  if (uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, &policy, &error) < 0) {
    CHECK(uptls_connector_refuse(connector, error, NULL) == UPTLS_OK);
    uptls_error_free(error);
    return;
  }
  CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK);
  uptls_policy_unref(policy);
}

/* Prints what is kept. */
static size_t observations(void) {
  size_t count = 0;
  char *json;
  while (uptls_runtime_next_observation(runtime, &json, NULL) == UPTLS_OK && json != NULL) {
    printf("%s\n", json);
    uptls_string_free(json);
    count++;
  }
  return count;
}

int main(int argc, char **argv) {
  uptls_policy *policy;
  uptls_connector *connector;
  uint16_t port, other;
  char *text;
  CHECK(argc == 7);
  port = (uint16_t)atoi(argv[5]);
  other = (uint16_t)atoi(argv[6]);
  CHECK(uptls_runtime_new_at(strtoll(argv[4], NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  uptls_connector_unref(connector);
  CHECK(uptls_runtime_next_observation(runtime, &text, NULL) == UPTLS_OK && text == NULL); /* not asked for */
  uptls_runtime_free(runtime);
  uptls_policy_unref(policy);

  CHECK(uptls_runtime_new_at(strtoll(argv[4], NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_runtime_observe(runtime, 1000, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  visit(connector, port, NULL);
  visit(connector, port, NULL);
  update(connector, argv[2]);
  visit(connector, port, NULL);
  update(connector, argv[3]);
  update(connector, argv[1]);
  visit(connector, other, "name_mismatch");
  visit(connector, 1, "tcp_refused");
  CHECK(uptls_connector_withdraw(connector, NULL) == UPTLS_OK);
  visit(connector, port, "policy_withdrawn");
  CHECK(observations() > 20 && uptls_runtime_lost_observations(runtime) == 0);

  CHECK(uptls_runtime_metrics_text(runtime, &text, NULL) == UPTLS_OK);
  printf("metrics\n%s", text);
  uptls_string_free(text);

  /* The last one of two; then nothing any more. */
  CHECK(uptls_runtime_observe(runtime, 1, NULL) == UPTLS_OK);
  update(connector, argv[1]);
  CHECK(uptls_runtime_lost_observations(runtime) == 1);
  CHECK(uptls_runtime_observe(runtime, 0, NULL) == UPTLS_OK);
  CHECK(uptls_runtime_next_observation(runtime, &text, NULL) == UPTLS_OK && text == NULL);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return 0;
}
