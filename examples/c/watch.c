/* Certificates change on disk and connections follow, without a thread: watch policy.yaml [EVENTS]
 *
 * Prints each event of the policy as JSON with what that means after it, and ends after so many; without EVENTS, never. A
 * gateway has the same descriptor in its own loop, beside its connections.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <uptls.h>

static int complain(uptls_error *error) {
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}

/* Whether new connections can be made, in a word. */
static const char *state(const uptls_connector *connector) {
  switch (uptls_connector_state(connector)) {
    case UPTLS_STATE_READY: return "ready";
    case UPTLS_STATE_DEGRADED: return "degraded: the last good files are used";
    case UPTLS_STATE_WITHDRAWN: return "withdrawn: a file is gone, and new connections fail";
    default: return "not ready: new connections fail";
  }
}

/* Prints what happened and gives how much it was. */
static long events(const uptls_connector *connector) {
  long count = 0;
  char *json;
  while (uptls_connector_next_event(connector, &json, NULL) == UPTLS_OK && json != NULL) {
    printf("%s\n[generation %llu, %s]\n", json, (unsigned long long)uptls_connector_generation(connector), state(connector));
    uptls_string_free(json);
    count++;
  }
  fflush(stdout);
  return count;
}

static int follow(uptls_watch *watch, const uptls_connector *connector, long wanted) {
  uptls_error *error;
  size_t changed;
  long happened = 0;
  for (;;) {
    struct pollfd waiting;
    waiting.fd = uptls_watch_fd(watch);
    waiting.events = POLLIN;
    /* Where there is no descriptor, fd is -1, which poll passes over, and the time alone counts. */
    if (poll(&waiting, 1, waiting.fd < 0 ? (int)uptls_watch_timeout_ms(watch) : -1) < 0 && errno != EINTR) return 1;
    if (uptls_watch_dispatch(watch, &changed, &error) < 0) return complain(error);
    happened += events(connector);
    if (wanted > 0 && happened >= wanted) return 0;
  }
}

int main(int argc, char **argv) {
  uptls_runtime *runtime = NULL;
  uptls_policy *policy = NULL;
  uptls_connector *connector = NULL;
  uptls_watch *watch = NULL;
  uptls_error *error;
  int code;

  if (argc < 2) return fprintf(stderr, "usage: %s policy.yaml [EVENTS]\n", argv[0]), 2;
  if (uptls_runtime_new(&runtime, &error) < 0 ||
      uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error) < 0 ||
      uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, &error) < 0 ||
      uptls_watch_new(&watch, &error) < 0 || uptls_watch_add(watch, connector, &error) < 0) {
    code = complain(error);
  } else {
    printf("[generation %llu, %s]\n", (unsigned long long)uptls_connector_generation(connector), state(connector));
    fflush(stdout);
    code = follow(watch, connector, argc > 2 ? atol(argv[2]) : 0);
  }
  uptls_watch_free(watch);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return code;
}
