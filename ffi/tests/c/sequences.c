/* The sequences of testdata/rotation by the calls of C: after each step, state, generation and content are what the model
 * says. Arguments: folder of our own, three CA files (the first, the renewed one, that of the second document), unix seconds,
 * sequences. */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

enum { FIRST, RENEWED, SECOND, CONTENTS };

static const char *folder, *contents[CONTENTS];
static char fingerprints[CONTENTS][128];
static uptls_runtime *runtime;
static int has_second;

static void path_of(const char *name, char path[4096]) {
  CHECK(snprintf(path, 4096, "%s/%s", folder, name) < 4096);
}

static void set(const char *name, const char *from) {
  char path[4096], *text;
  size_t length;
  FILE *stream;
  path_of(name, path);
  if (rmdir(path) != 0) (void)remove(path);
  if (from == NULL) return;
  text = check_file(from, &length);
  stream = fopen(path, "wb");
  CHECK(stream != NULL && fwrite(text, 1, length, stream) == length && fclose(stream) == 0);
  free(text);
}

static void write_document(const char *name, const char *ca) {
  char path[4096];
  FILE *stream;
  path_of(name, path);
  stream = fopen(path, "wb");
  CHECK(stream != NULL);
  CHECK(fprintf(stream,
                "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: rotation}\n"
                "spec: {trust: {bundles: [{file: %s}]}}\n",
                ca) > 0);
  CHECK(fclose(stream) == 0);
}

static uptls_status load(const char *name, uptls_policy **policy, uptls_error **error) {
  char path[4096];
  path_of(name, path);
  return uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, policy, error);
}

/* What cannot be loaded is refused. */
static void update(uptls_connector *connector, const char *document) {
  uptls_policy *policy;
  uptls_error *error;
  if (load(document, &policy, &error) == UPTLS_OK) {
    uint64_t generation;
    CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK);
    CHECK(generation == uptls_connector_generation(connector));
    uptls_policy_unref(policy);
    return;
  }
  CHECK(error != NULL && uptls_connector_refuse(connector, error, NULL) == UPTLS_OK);
  uptls_error_free(error);
}

static void look(uptls_connector *connector) {
  uptls_watch *watch;
  size_t changed;
  CHECK(uptls_watch_new(&watch, NULL) == UPTLS_OK && uptls_watch_add(watch, connector, NULL) == UPTLS_OK);
  CHECK(uptls_watch_dispatch(watch, &changed, NULL) == UPTLS_OK);
  uptls_watch_free(watch);
}

static void act(uptls_connector *connector, const char *word) {
  char path[4096];
  if (strcmp(word, "one") == 0) {
    update(connector, "one.yaml");
  } else if (strcmp(word, "two") == 0) {
    update(connector, "two.yaml");
  } else if (strcmp(word, "never") == 0) {
    update(connector, "never.yaml");
  } else if (strcmp(word, "withdraw") == 0) {
    CHECK(uptls_connector_withdraw(connector, NULL) == UPTLS_OK);
  } else if (strcmp(word, "first") == 0) {
    set("one.pem", contents[FIRST]);
  } else if (strcmp(word, "renewed") == 0) {
    set("one.pem", contents[RENEWED]);
  } else if (strcmp(word, "folder") == 0) {
    set("one.pem", NULL);
    path_of("one.pem", path);
    CHECK(mkdir(path, 0700) == 0);
  } else if (strcmp(word, "gone") == 0) {
    set("one.pem", NULL);
  } else if (strcmp(word, "second") == 0) {
    has_second = !has_second;
    set("two.pem", has_second ? contents[SECOND] : NULL);
  } else {
    CHECK_TEXT(word, "look");
    look(connector);
  }
}

/* `ready/1/0` */
static void describe(uptls_connector *connector, char text[128]) {
  static const char *const STATES[] = {"none", "ready", "degraded", "not_ready", "withdrawn"};
  static const uptls_state NUMBERS[] = {UPTLS_STATE_NONE, UPTLS_STATE_READY, UPTLS_STATE_DEGRADED, UPTLS_STATE_NOT_READY,
                                        UPTLS_STATE_WITHDRAWN};
  char content[8] = "-";
  const char *state = NULL;
  uptls_policy *policy;
  int index;
  for (index = 0; index < 5; index++) {
    if (NUMBERS[index] == uptls_connector_state(connector)) state = STATES[index];
  }
  CHECK(state != NULL);
  if (uptls_connector_policy(connector, &policy, NULL) == UPTLS_OK) {
    for (index = 0; index < CONTENTS && strcmp(fingerprints[index], uptls_policy_fingerprint(policy)) != 0; index++) continue;
    CHECK(index < CONTENTS && snprintf(content, sizeof content, "%d", index) > 0);
    uptls_policy_unref(policy);
  }
  CHECK(snprintf(text, 128, "%s/%llu/%s", state, (unsigned long long)uptls_connector_generation(connector), content) > 0);
}

static void replay(char *line, uptls_policy *first) {
  char seen[128], whole[4096], *word = NULL;
  uptls_connector *connector;
  CHECK(snprintf(whole, sizeof whole, "%s", line) < (int)sizeof whole);
  line = strtok(line, " \n");
  CHECK(line != NULL);
  set("one.pem", contents[FIRST]);
  set("two.pem", contents[SECOND]);
  has_second = 1;
  CHECK(uptls_connector_new(first, strcmp(line, "fail_closed") == 0 ? UPTLS_FAIL_CLOSED : UPTLS_KEEP_LAST_GOOD, &connector,
                            NULL) == UPTLS_OK);
  while ((word = strtok(NULL, " \n")) != NULL) {
    const char *wanted = strtok(NULL, " \n");
    CHECK(wanted != NULL);
    act(connector, word);
    describe(connector, seen);
    if (strcmp(seen, wanted) != 0) {
      fprintf(stderr, "after %s: seen %s, wanted %s, in: %s", word, seen, wanted, whole);
      exit(1);
    }
  }
  uptls_connector_unref(connector);
}

int main(int argc, char **argv) {
  static const char *const FILES[] = {"one.pem", "one.pem", "two.pem"}, *const NAMES[] = {"one.yaml", "one.yaml", "two.yaml"};
  uptls_policy *policies[CONTENTS];
  char line[4096];
  FILE *sequences;
  int index, count = 0;
  CHECK(argc == 7);
  folder = argv[1];
  CHECK(uptls_runtime_new_at(strtoll(argv[5], NULL, 10), &runtime, NULL) == UPTLS_OK);
  write_document("one.yaml", "one.pem");
  write_document("two.yaml", "two.pem");
  write_document("never.yaml", "never.pem");
  for (index = CONTENTS - 1; index >= 0; index--) {
    contents[index] = argv[2 + index];
    set(FILES[index], contents[index]);
    CHECK(load(NAMES[index], &policies[index], NULL) == UPTLS_OK);
    CHECK(snprintf(fingerprints[index], sizeof fingerprints[index], "%s", uptls_policy_fingerprint(policies[index])) > 0);
  }
  sequences = fopen(argv[6], "r");
  CHECK(sequences != NULL);
  while (fgets(line, sizeof line, sequences) != NULL) {
    replay(line, policies[FIRST]);
    count++;
  }
  fclose(sequences);
  CHECK(count > 2000);
  for (index = 0; index < CONTENTS; index++) uptls_policy_unref(policies[index]);
  uptls_runtime_free(runtime);
  return 0;
}
