/* Files change and the connector follows, by a descriptor and a call. Arguments: a folder of our own with policy.yaml and
 * ca.pem, a good CA file, another CA file, unix seconds. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

static char ca[4096], spare[4096];

static void copy(const char *from, const char *to) {
  size_t length;
  char *text = check_file(from, &length);
  FILE *stream = fopen(to, "wb");
  CHECK(stream != NULL && fwrite(text, 1, length, stream) == length && fclose(stream) == 0);
  free(text);
}

static void write_text(const char *text, const char *to) {
  FILE *stream = fopen(to, "wb");
  CHECK(stream != NULL && fputs(text, stream) >= 0 && fclose(stream) == 0);
}

/* Replaces the CA file at once, as Kubernetes does. */
static void replace(const char *from) {
  copy(from, spare);
  CHECK(rename(spare, ca) == 0);
}

/* Polls and dispatches until so many connectors have changed. */
static void wait_for(uptls_watch *watch, size_t wanted) {
  struct pollfd entry = {uptls_watch_fd(watch), POLLIN, 0};
  size_t changed = 99;
  CHECK(entry.fd >= 0);
  do {
    CHECK(poll(&entry, 1, 30000) == 1);
    CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK);
  } while (changed == 0);
  CHECK(changed == wanted);
}

/* The next event has this word in it; frees it. */
static void event(uptls_connector *connector, const char *word, const char *reduced) {
  char *json;
  CHECK(uptls_connector_next_event(connector, &json, NULL) == UPTLS_OK);
  if (json == NULL || strstr(json, word) == NULL) fprintf(stderr, "%s is not in %s\n", word, json == NULL ? "NULL" : json);
  CHECK(json != NULL && strstr(json, word) != NULL && strstr(json, reduced) != NULL);
  CHECK(strstr(json, "\"schema\": \"uptls.event/v1\"") != NULL);
  uptls_string_free(json);
}

static void quiet(uptls_connector *connector) {
  char *json = (char *)&json;
  CHECK(uptls_connector_next_event(connector, &json, NULL) == UPTLS_OK && json == NULL);
}

static uptls_policy *load(uptls_runtime *runtime, const char *folder) {
  char path[4096];
  uptls_policy *policy;
  CHECK(snprintf(path, sizeof path, "%s/policy.yaml", folder) < (int)sizeof path);
  CHECK(uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  return policy;
}

static void rotates(uptls_runtime *runtime, const char *folder, const char *good, const char *other) {
  uptls_policy *policy = load(runtime, folder), *current;
  uptls_connector *connector;
  uptls_watch *watch;
  uptls_error *error;
  char first[128];
  size_t changed = 99;
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  CHECK(snprintf(first, sizeof first, "%s", uptls_policy_fingerprint(policy)) > 7);
  CHECK(uptls_watch_new(&watch, NULL) == UPTLS_OK);
  CHECK(uptls_watch_timeout_ms(watch) == -1);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  CHECK(uptls_watch_add(watch, connector, NULL) == UPTLS_OK);
  CHECK(uptls_watch_add(watch, connector, &error) == UPTLS_E_USAGE);
  uptls_error_free(error);
  CHECK(uptls_watch_timeout_ms(watch) == 0);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0); /* the files are as they were */
  CHECK(uptls_watch_timeout_ms(watch) > 0);
  quiet(connector);

  replace(other); /* another CA: the one before is not trusted any more */
  wait_for(watch, 1);
  CHECK(uptls_connector_generation(connector) == 2 && uptls_connector_state(connector) == UPTLS_STATE_READY);
  event(connector, "\"kind\": \"updated\"", "\"trust_reduced\": true");
  quiet(connector);
  CHECK(uptls_connector_policy(connector, &current, NULL) == UPTLS_OK);
  CHECK(strcmp(uptls_policy_fingerprint(current), first) != 0);
  uptls_policy_unref(current);

  write_text("no certificate", ca); /* what cannot be used: the last good generation stays */
  wait_for(watch, 1);
  CHECK(uptls_connector_generation(connector) == 2 && uptls_connector_state(connector) == UPTLS_STATE_DEGRADED);
  event(connector, "\"kind\": \"degraded\"", "trust_bundle_empty");

  CHECK(unlink(ca) == 0); /* what is gone is withdrawn */
  wait_for(watch, 1);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_WITHDRAWN);
  event(connector, "\"kind\": \"withdrawn\"", "\"trust_reduced\": true");
  CHECK(uptls_connector_policy(connector, &current, &error) == UPTLS_E_CONFIG && current == NULL);
  CHECK_TEXT(uptls_error_code(error), "policy_withdrawn");
  uptls_error_free(error);

  replace(good);
  wait_for(watch, 1);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY && uptls_connector_generation(connector) == 3);
  CHECK(uptls_connector_policy(connector, &current, NULL) == UPTLS_OK);
  CHECK_TEXT(uptls_policy_fingerprint(current), first);
  uptls_policy_unref(current);
  uptls_policy_unref(policy);
  uptls_connector_unref(connector); /* the watch keeps it */
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  uptls_watch_free(watch);
}

/* An update to another policy: the watch follows that, and never publishes the one before again. */
static void updated(uptls_runtime *runtime, const char *folder, const char *good, const char *other) {
  uptls_policy *policy = load(runtime, folder), *second;
  uptls_builder *builder;
  uptls_connector *connector;
  uptls_watch *watch;
  uint64_t generation = 99;
  size_t changed;
  struct pollfd entry;
  CHECK(uptls_connector_new(policy, UPTLS_FAIL_CLOSED, &connector, NULL) == UPTLS_OK);
  CHECK(uptls_watch_new(&watch, NULL) == UPTLS_OK && uptls_watch_add(watch, connector, NULL) == UPTLS_OK);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_ca_file(builder, good, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, "elsewhere.internal", NULL) == UPTLS_OK);
  CHECK(uptls_builder_build(builder, runtime, &second, NULL) == UPTLS_OK);
  uptls_builder_free(builder);
  CHECK(uptls_connector_update(connector, second, &generation, NULL) == UPTLS_OK && generation == 2);
  CHECK(uptls_connector_update(connector, second, &generation, NULL) == UPTLS_OK && generation == 2); /* equal content */
  CHECK(uptls_watch_timeout_ms(watch) == 0);
  replace(other);
  entry.fd = uptls_watch_fd(watch);
  entry.events = POLLIN;
  do CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  while (poll(&entry, 1, 300) == 1);
  CHECK(uptls_connector_generation(connector) == 2);
  /* back again */
  CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK && generation == 3);
  CHECK(uptls_watch_timeout_ms(watch) == 0);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 1); /* its file is another by now */
  CHECK(uptls_connector_generation(connector) == 4);

  CHECK(uptls_connector_withdraw(connector, NULL) == UPTLS_OK);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_WITHDRAWN);
  CHECK(uptls_watch_remove(watch, connector, NULL) == UPTLS_OK && uptls_watch_remove(watch, connector, NULL) == UPTLS_OK);
  CHECK(uptls_watch_timeout_ms(watch) == -1);
  CHECK(uptls_connector_update(connector, second, &generation, NULL) == UPTLS_OK && generation == 5);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY && uptls_connector_lost_events(connector) == 0);
  uptls_watch_free(watch);
  uptls_policy_unref(policy);
  uptls_policy_unref(second);
  uptls_connector_unref(connector);
}

/* What the caller stopped stays stopped, whatever the watch reads; a document that is good ends it. */
static void authors(uptls_runtime *runtime, const char *folder, const char *good, const char *other) {
  uptls_policy *policy, *none;
  uptls_connector *connector;
  uptls_watch *watch;
  uptls_error *reason, *error;
  uptls_runtime *foreign;
  uint64_t generation;
  size_t changed;
  replace(good);
  policy = load(runtime, folder);
  CHECK(uptls_connector_new(policy, UPTLS_FAIL_CLOSED, &connector, NULL) == UPTLS_OK);
  CHECK(uptls_watch_new(&watch, NULL) == UPTLS_OK && uptls_watch_add(watch, connector, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_document(runtime, (const uint8_t *)"{}", 2, "bad", NULL, UPTLS_DANGER_FORBID, &none, &reason) == UPTLS_E_CONFIG);
  CHECK(uptls_connector_refuse(connector, reason, NULL) == UPTLS_OK);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_NOT_READY);
  replace(other); /* its files go on, and it stays closed */
  wait_for(watch, 1);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_NOT_READY && uptls_connector_generation(connector) == 2);
  CHECK(uptls_connector_withdraw(connector, NULL) == UPTLS_OK);
  CHECK(uptls_connector_refuse(connector, reason, NULL) == UPTLS_OK);
  replace(good);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_WITHDRAWN);
  CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK && generation == 3);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
  /* One connector has one runtime. */
  CHECK(uptls_runtime_new(&foreign, NULL) == UPTLS_OK);
  none = load(foreign, folder);
  CHECK(uptls_connector_update(connector, none, &generation, &error) == UPTLS_E_USAGE && generation == 0);
  CHECK_TEXT(uptls_error_code(error), "misuse");
  CHECK(uptls_connector_generation(connector) == 3 && uptls_connector_state(connector) == UPTLS_STATE_READY);
  uptls_error_free(error);
  uptls_error_free(reason);
  uptls_watch_free(watch);
  uptls_policy_unref(none);
  uptls_policy_unref(policy);
  uptls_connector_unref(connector);
  uptls_runtime_free(foreign);
}

/* From now on as many descriptors more as this can be opened; returns what the limit was. */
static rlim_t leave(int more) {
  struct rlimit limit;
  rlim_t before;
  int next = dup(0);
  CHECK(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
  before = limit.rlim_cur;
  limit.rlim_cur = (rlim_t)next + (rlim_t)more;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  return before;
}

static void restore(rlim_t before) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = before;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* A process that is out of descriptors knows nothing of its files, and says that it polls; both end with the shortage. */
static void out_of_descriptors(uptls_runtime *runtime, const char *folder, const char *good, const char *other) {
  uptls_policy *policy;
  uptls_connector *connector;
  uptls_watch *watch;
  size_t changed = 99;
  rlim_t before;
  char *reason;
  int round;
  replace(good);
  policy = load(runtime, folder);
  CHECK(uptls_connector_new(policy, UPTLS_FAIL_CLOSED, &connector, NULL) == UPTLS_OK);
  before = leave(2); /* for epoll and the timer: there is none for inotify */
  CHECK(uptls_watch_new(&watch, NULL) == UPTLS_OK && uptls_watch_add(watch, connector, NULL) == UPTLS_OK);
  restore(before);
  CHECK(uptls_watch_state(watch) == UPTLS_WATCH_POLLING && uptls_watch_state(NULL) == UPTLS_WATCH_NONE);
  CHECK(uptls_watch_reason(watch, &reason, NULL) == UPTLS_OK && reason != NULL && strstr(reason, "inotify") != NULL);
  uptls_string_free(reason);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
  CHECK(uptls_watch_state(watch) == UPTLS_WATCH_EVENTS);
  CHECK(uptls_watch_reason(watch, &reason, NULL) == UPTLS_OK && reason == NULL);

  replace(other);
  before = leave(0);
  for (round = 0; round < 50; round++) {
    struct pollfd entry = {uptls_watch_fd(watch), POLLIN, 0};
    CHECK(poll(&entry, 1, 30000) == 1);
    CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK && changed == 0);
    CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
    if (uptls_watch_timeout_ms(watch) > 500) break; /* the last of its quick looks: from here on it is every second */
  }
  CHECK(uptls_connector_generation(connector) == 1);
  restore(before);
  wait_for(watch, 1);
  CHECK(uptls_connector_generation(connector) == 2 && uptls_connector_state(connector) == UPTLS_STATE_READY);
  event(connector, "\"kind\": \"updated\"", "\"trust_reduced\": true");
  quiet(connector);
  uptls_watch_free(watch);
  uptls_policy_unref(policy);
  uptls_connector_unref(connector);
}

/* Events that the program does not take are counted. */
static void lost(uptls_runtime *runtime, const char *folder) {
  uptls_policy *policy = load(runtime, folder);
  uptls_connector *connector;
  uint64_t generation;
  int round;
  char *json;
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  for (round = 0; round < 20; round++) {
    CHECK(uptls_connector_withdraw(connector, NULL) == UPTLS_OK);
    CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK);
  }
  CHECK(uptls_connector_lost_events(connector) > 0);
  for (round = 0; uptls_connector_next_event(connector, &json, NULL) == UPTLS_OK && json != NULL; round++) {
    uptls_string_free(json);
  }
  CHECK(round == 32);
  CHECK(uptls_connector_check_expiry(connector, NULL) == UPTLS_OK);
  uptls_policy_unref(policy);
  uptls_connector_unref(connector);
}

int main(int argc, char **argv) {
  uptls_runtime *runtime;
  CHECK(argc == 5);
  CHECK(snprintf(ca, sizeof ca, "%s/ca.pem", argv[1]) < (int)sizeof ca);
  CHECK(snprintf(spare, sizeof spare, "%s/ca.new", argv[1]) < (int)sizeof spare);
  CHECK(uptls_runtime_new_at(strtoll(argv[4], NULL, 10), &runtime, NULL) == UPTLS_OK);
  replace(argv[2]);
  rotates(runtime, argv[1], argv[2], argv[3]);
  updated(runtime, argv[1], argv[2], argv[3]);
  authors(runtime, argv[1], argv[2], argv[3]);
  out_of_descriptors(runtime, argv[1], argv[2], argv[3]);
  lost(runtime, argv[1]);
  uptls_runtime_free(runtime);
  return 0;
}
