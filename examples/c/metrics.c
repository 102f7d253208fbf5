/* What a connection tells a monitoring system: metrics policy.yaml HOST ADDRESS PORT
 *
 * Connects once, and prints each observation as it would go to a log, and then what an endpoint /metrics answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uptls.h>

/* Takes what is kept. A gateway does this in its loop: the library calls nobody back. */
static void log_observations(const uptls_runtime *runtime) {
  char *json;
  while (uptls_runtime_next_observation(runtime, &json, NULL) == UPTLS_OK && json != NULL) {
    printf("%s\n", json);
    uptls_string_free(json);
  }
  if (uptls_runtime_lost_observations(runtime) > 0) fprintf(stderr, "some observations were lost: take them more often\n");
}

static void answer_scrape(const uptls_runtime *runtime) {
  char *text;
  if (uptls_runtime_metrics_text(runtime, &text, NULL) != UPTLS_OK) return;
  printf("Content-Type: text/plain; version=0.0.4\n\n%s", text);
  uptls_string_free(text);
}

int main(int argc, char **argv) {
  uptls_runtime *runtime = NULL;
  uptls_policy *policy = NULL;
  uptls_connector *connector = NULL;
  uptls_stream *stream = NULL;
  uptls_error *error = NULL;

  if (argc < 5) return fprintf(stderr, "usage: %s policy.yaml HOST ADDRESS PORT\n", argv[0]), 2;
  if (uptls_runtime_new(&runtime, &error) == UPTLS_OK &&
      uptls_runtime_observe(runtime, 1024, &error) == UPTLS_OK && /* counting needs no call, keeping does */
      uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error) == UPTLS_OK &&
      uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, &error) == UPTLS_OK)
    (void)uptls_stream_connect(connector, argv[2], (uint16_t)atoi(argv[4]), argv[3], NULL, &stream, &error);
  uptls_stream_free(stream);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  if (runtime != NULL) {
    log_observations(runtime);
    answer_scrape(runtime);
  }
  uptls_runtime_free(runtime);
  if (error == NULL) return 0;
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}
