/* A document that cannot be used says everything that is wrong with it. Arguments: a usable policy, its folder. */
#include "check.h"

static uptls_error *refuse(const uptls_runtime *runtime, const char *text, int32_t permission) {
  uptls_policy *policy = (uptls_policy *)&text;
  uptls_error *error = NULL;
  uptls_status status = uptls_policy_from_document(runtime, (const uint8_t *)text, strlen(text), "bad.yaml", NULL,
                                                   permission, &policy, &error);
  CHECK(status == UPTLS_E_CONFIG && policy == NULL && error != NULL);
  CHECK(uptls_error_status(error) == UPTLS_E_CONFIG);
  CHECK(strstr(uptls_error_json(error), "\"verdict\": \"error\"") != NULL);
  CHECK(strstr(uptls_error_json(error), "\"document\": \"bad.yaml\"") != NULL);
  CHECK(strstr(uptls_error_json(error), "\"at\": \"1970-01-01T00:00:00Z\"") != NULL);
  return error;
}

int main(int argc, char **argv) {
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_error *error;
  size_t length;
  char *text;
  CHECK(argc == 3);
  CHECK(uptls_runtime_new_at(0, &runtime, NULL) == UPTLS_OK);

  error = refuse(runtime, "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {wrong: 1}\n", UPTLS_DANGER_FORBID);
  CHECK_TEXT(uptls_error_code(error), "document_parse");
  CHECK(uptls_error_number(error) == UPTLS_CODE_DOCUMENT_PARSE);
  CHECK(strstr(uptls_error_json(error), "\"line\": 3") != NULL);
  uptls_error_free(error);

  /* a file that does not exist */
  CHECK(uptls_policy_from_file(runtime, "/nonexistent/policy.yaml", UPTLS_DANGER_FORBID, &policy, &error) ==
        UPTLS_E_CONFIG);
  CHECK(policy == NULL && strstr(uptls_error_json(error), "\"document\": \"/nonexistent/policy.yaml\"") != NULL);
  uptls_error_free(error);

  /* the text of a good one, with its folder: files are found; without NUL behind it; and at its own time */
  text = check_file(argv[1], &length);
  uptls_runtime_free(runtime);
  CHECK(uptls_runtime_new(&runtime, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_document(runtime, (const uint8_t *)text, length, "policy.yaml", argv[2], UPTLS_DANGER_FORBID,
                                   &policy, &error) == UPTLS_OK);
  CHECK(policy != NULL && error == NULL);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  free(text);
  return 0;
}
