/* Whatever is wrong with the arguments is a status and an error object, never a crash. Argument: a usable policy. */
#include "check.h"

static const uint8_t TEXT[] = "apiVersion: uptls/v1\n";
static const size_t LENGTH = sizeof TEXT - 1;
#define FORBID UPTLS_DANGER_FORBID

/* The call is misuse, and says so with `word`; what it would have given is NULL. Nothing is set before it. */
#define MISUSE(call, out, word)          \
  do {                                   \
    uptls_status got = (call);           \
    CHECK((out) == NULL);                \
    misuse(got, &error, word);           \
  } while (0)

static void misuse(uptls_status status, uptls_error **error, const char *word) {
  CHECK(status == UPTLS_E_USAGE && *error != NULL);
  CHECK(uptls_error_status(*error) == UPTLS_E_USAGE);
  CHECK(uptls_error_number(*error) == UPTLS_CODE_MISUSE);
  CHECK_TEXT(uptls_error_code(*error), "misuse");
  CHECK(strstr(uptls_error_message(*error), word) != NULL);
  CHECK(strstr(uptls_error_json(*error), "\"schema\": \"uptls.report/v1\"") != NULL);
  CHECK(strlen(uptls_error_hint(*error)) > 0);
  uptls_error_free(*error);
  *error = (uptls_error *)error; /* the next call must not depend on what stands here */
}

static void null_is_harmless(void) {
  uptls_runtime_free(NULL);
  uptls_policy_unref(NULL);
  uptls_error_free(NULL);
  uptls_string_free(NULL);
  CHECK(uptls_policy_ref(NULL) == NULL);
  CHECK(uptls_error_code(NULL) == NULL && uptls_error_message(NULL) == NULL);
  CHECK(uptls_error_hint(NULL) == NULL && uptls_error_json(NULL) == NULL);
  CHECK(uptls_error_number(NULL) == 0 && uptls_error_status(NULL) == UPTLS_E_USAGE);
  CHECK(uptls_runtime_new(NULL, NULL) == UPTLS_E_USAGE);
  CHECK(uptls_policy_from_file(NULL, NULL, 0, NULL, NULL) == UPTLS_E_USAGE);
  CHECK(uptls_policy_from_document(NULL, NULL, 0, NULL, NULL, 0, NULL, NULL) == UPTLS_E_USAGE);
  CHECK(uptls_policy_verify(NULL, NULL, 0, NULL, NULL, NULL) == UPTLS_E_USAGE);
}

static void runtimes(void) {
  uptls_error *error;
  uptls_runtime *runtime = (uptls_runtime *)&error;
  MISUSE(uptls_runtime_new(NULL, &error), NULL, "out");
  MISUSE(uptls_runtime_new_at(0, NULL, &error), NULL, "out");
  MISUSE(uptls_runtime_new_at(-1, &runtime, &error), runtime, "-1");
}

static void documents(const uptls_runtime *runtime) {
  uptls_error *error;
  uptls_policy *policy = (uptls_policy *)&error;
  const char *base = NULL;
  MISUSE(uptls_policy_from_document(runtime, TEXT, LENGTH, "x", base, FORBID, NULL, &error), NULL, "out");
  MISUSE(uptls_policy_from_document(NULL, TEXT, LENGTH, "x", base, FORBID, &policy, &error), policy, "runtime");
  MISUSE(uptls_policy_from_document(runtime, NULL, 1, "x", base, FORBID, &policy, &error), policy, "text");
  MISUSE(uptls_policy_from_document(runtime, TEXT, SIZE_MAX, "x", base, FORBID, &policy, &error), policy, "text");
  MISUSE(uptls_policy_from_document(runtime, TEXT, LENGTH, NULL, base, FORBID, &policy, &error), policy, "name");
  MISUSE(uptls_policy_from_document(runtime, TEXT, LENGTH, "\xff", base, FORBID, &policy, &error), policy, "UTF-8");
  MISUSE(uptls_policy_from_document(runtime, TEXT, LENGTH, "x", "\xff", FORBID, &policy, &error), policy, "base");
  MISUSE(uptls_policy_from_document(runtime, TEXT, LENGTH, "x", base, 2, &policy, &error), policy, "permission");
}

static void files(const uptls_runtime *runtime, const char *path) {
  uptls_error *error;
  uptls_policy *policy = (uptls_policy *)&error;
  MISUSE(uptls_policy_from_file(runtime, path, FORBID, NULL, &error), NULL, "out");
  MISUSE(uptls_policy_from_file(NULL, path, FORBID, &policy, &error), policy, "runtime");
  MISUSE(uptls_policy_from_file(runtime, NULL, FORBID, &policy, &error), policy, "path");
  MISUSE(uptls_policy_from_file(runtime, "\xff", FORBID, &policy, &error), policy, "path");
  MISUSE(uptls_policy_from_file(runtime, path, -1, &policy, &error), policy, "permission");
}

static void verifications(const uptls_policy *policy) {
  uptls_error *error;
  char *report = (char *)&error;
  MISUSE(uptls_policy_verify(policy, TEXT, LENGTH, NULL, NULL, &error), NULL, "report");
  MISUSE(uptls_policy_verify(NULL, TEXT, LENGTH, NULL, &report, &error), report, "policy");
  MISUSE(uptls_policy_verify(policy, NULL, 1, NULL, &report, &error), report, "chain");
  MISUSE(uptls_policy_verify(policy, TEXT, SIZE_MAX, NULL, &report, &error), report, "chain");
  MISUSE(uptls_policy_verify(policy, TEXT, LENGTH, "\xff", &report, &error), report, "backend_host");
}

int main(int argc, char **argv) {
  uptls_runtime *runtime;
  uptls_policy *policy;
  CHECK(argc == 2);
  null_is_harmless();
  runtimes();
  CHECK(uptls_runtime_new(&runtime, NULL) == UPTLS_OK);
  documents(runtime);
  files(runtime, argv[1]);
  CHECK(uptls_policy_from_file(runtime, argv[1], FORBID, &policy, NULL) == UPTLS_OK);
  verifications(policy);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return 0;
}
