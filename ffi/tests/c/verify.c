/* A chain that the policy accepts and one that it refuses. Arguments: policy, good chain, chain for another name, unix
 * seconds. */
#include "check.h"

static uptls_policy *load(const char *path, long long seconds) {
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_error *error;
  CHECK(uptls_runtime_new_at(seconds, &runtime, &error) == UPTLS_OK);
  CHECK(runtime != NULL && error == NULL);
  CHECK(uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, &policy, &error) == UPTLS_OK);
  CHECK(policy != NULL && error == NULL);
  uptls_runtime_free(runtime); /* the policy keeps what it needs */
  return policy;
}

static void accepted(const uptls_policy *policy, const char *chain, size_t length) {
  char *report;
  uptls_error *error;
  CHECK(uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, &report, &error) == UPTLS_OK);
  CHECK(error == NULL && strstr(report, "\"verdict\": \"accepted\"") != NULL);
  uptls_string_free(report);
  /* a caller that wants no details still gets the verdict */
  CHECK(uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, &report, NULL) == UPTLS_OK);
  uptls_string_free(report);
}

static void refused(const uptls_policy *policy, const char *chain, size_t length) {
  char *report;
  uptls_error *error;
  CHECK(uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, &report, &error) == UPTLS_E_NAME);
  CHECK(strstr(report, "\"verdict\": \"rejected\"") != NULL);
  CHECK(uptls_error_status(error) == UPTLS_E_NAME);
  CHECK(uptls_error_number(error) == UPTLS_CODE_NAME_MISMATCH);
  CHECK_TEXT(uptls_error_code(error), "name_mismatch");
  CHECK_TEXT(uptls_error_json(error), report);
  CHECK(strlen(uptls_error_message(error)) > 0 && strlen(uptls_error_hint(error)) > 0);
  uptls_error_free(error);
  uptls_string_free(report);
  CHECK(uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, &report, NULL) == UPTLS_E_NAME);
  uptls_string_free(report);
}

static void unusable(const uptls_policy *policy, const char *chain, size_t length) {
  char *report;
  uptls_error *error;
  /* no certificate at all: the peer is refused */
  CHECK(uptls_policy_verify(policy, NULL, 0, NULL, &report, &error) == UPTLS_E_UNTRUSTED);
  CHECK_TEXT(uptls_error_code(error), "cert_none");
  uptls_error_free(error);
  uptls_string_free(report);
  /* a backend host that is none: an error, with a report too */
  CHECK(uptls_policy_verify(policy, (const uint8_t *)chain, length, "not a host", &report, &error) == UPTLS_E_CONFIG);
  CHECK(uptls_error_number(error) == UPTLS_CODE_NAME_INVALID);
  CHECK(strstr(report, "\"verdict\": \"error\"") != NULL);
  uptls_error_free(error);
  uptls_string_free(report);
}

int main(int argc, char **argv) {
  size_t good_length, other_length;
  uptls_policy *policy, *second;
  char *good, *other;
  CHECK(argc == 5);
  good = check_file(argv[2], &good_length);
  other = check_file(argv[3], &other_length);
  policy = load(argv[1], strtoll(argv[4], NULL, 10));
  second = uptls_policy_ref(policy);
  CHECK(second == policy);
  uptls_policy_unref(policy);
  accepted(second, good, good_length);
  refused(second, other, other_length);
  unusable(second, good, good_length);
  uptls_policy_unref(second);
  free(good);
  free(other);
  return 0;
}
