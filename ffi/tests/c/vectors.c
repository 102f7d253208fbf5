/* Runs the cross-language vectors.
 *
 * Each line of standard input is a case:
 *   document_path TAB base TAB chain_path TAB host_or_dash TAB unix_seconds TAB allow|forbid
 * For each, in order, standard output gets the JSON of the report (of the error, where the policy cannot be used), a
 * line end, and the line "----". The document is called by its file name alone.
 */
#include "check.h"

enum { FIELDS = 6 };

/* Splits `line` at its tabs. */
static void split(char *line, char *fields[FIELDS]) {
  int index;
  for (index = 0; index < FIELDS; index++) {
    char *tab = strchr(line, '\t');
    fields[index] = line;
    CHECK((tab != NULL) == (index + 1 < FIELDS));
    if (tab != NULL) {
      *tab = '\0';
      line = tab + 1;
    }
  }
}

static const char *file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static void judge(const uptls_policy *policy, const char *chain_path, const char *host) {
  size_t length;
  char *report, *chain = check_file(chain_path, &length);
  uptls_error *error;
  uptls_status status =
      uptls_policy_verify(policy, (const uint8_t *)chain, length, strcmp(host, "-") == 0 ? NULL : host, &report, &error);
  CHECK(report != NULL);
  CHECK((status == UPTLS_OK) == (error == NULL));
  CHECK((status == UPTLS_OK) == (strstr(report, "\"verdict\": \"accepted\"") != NULL));
  printf("%s\n", report);
  uptls_error_free(error);
  uptls_string_free(report);
  free(chain);
}

static void run(char *line) {
  char *fields[FIELDS], *document;
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_error *error;
  size_t length;
  uptls_danger permission;
  split(line, fields);
  CHECK(strcmp(fields[5], "allow") == 0 || strcmp(fields[5], "forbid") == 0);
  permission = strcmp(fields[5], "allow") == 0 ? UPTLS_DANGER_ALLOW : UPTLS_DANGER_FORBID;
  document = check_file(fields[0], &length);
  CHECK(uptls_runtime_new_at(strtoll(fields[4], NULL, 10), &runtime, NULL) == UPTLS_OK);
  if (uptls_policy_from_document(runtime, (const uint8_t *)document, length, file_name(fields[0]), fields[1], permission,
                                 &policy, &error) == UPTLS_OK) {
    judge(policy, fields[2], fields[3]);
  } else {
    printf("%s\n", uptls_error_json(error));
  }
  puts("----");
  uptls_policy_unref(policy);
  uptls_error_free(error);
  uptls_runtime_free(runtime);
  free(document);
}

int main(void) {
  size_t length;
  char *input = check_read(stdin, &length);
  char *line = input;
  while (*line != '\0') {
    char *end = strchr(line, '\n');
    if (end != NULL) *end = '\0';
    run(line);
    line = end == NULL ? line + strlen(line) : end + 1;
  }
  free(input);
  return 0;
}
