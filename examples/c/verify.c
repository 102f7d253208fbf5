/* Would this policy accept this certificate chain?
 *
 *   cc verify.c -luptls -o verify
 *   ./verify policy.yaml chain.pem [backend-host | -] [unix-seconds]
 *
 * Ends with 0: accepted, 1: refused, 2: the policy or the arguments cannot be used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uptls.h>

enum { MAXIMUM = 1 << 20 };

/* Says why, frees the error, and returns the exit code. */
static int complain(const char *what, uptls_error *error, int exit_code) {
  fprintf(stderr, "%s: %s: %s\nhint: %s\n", what, uptls_error_code(error), uptls_error_message(error),
          uptls_error_hint(error));
  uptls_error_free(error);
  return exit_code;
}

static int verify(const uptls_policy *policy, const uint8_t *chain, size_t length, const char *host) {
  char *report;
  uptls_error *error;
  uptls_status status = uptls_policy_verify(policy, chain, length, host, &report, &error);
  uptls_string_free(report); /* the whole story as JSON; here the error is enough */
  if (status < 0) {
    return status == UPTLS_E_CONFIG ? complain("unusable", error, 2) : complain("refused", error, 1);
  }
  puts("accepted");
  return 0;
}

int main(int argc, char **argv) {
  static uint8_t chain[MAXIMUM];
  FILE *file;
  size_t length;
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_error *error;
  uptls_status status;
  int exit_code;

  if (argc < 3 || (file = fopen(argv[2], "rb")) == NULL) {
    fprintf(stderr, "usage: %s policy.yaml chain.pem [backend-host | -] [unix-seconds]\n", argv[0]);
    return 2;
  }
  length = fread(chain, 1, sizeof chain, file);
  fclose(file);

  /* now, or then: will it still be accepted next month? */
  status = argc > 4 ? uptls_runtime_new_at(strtoll(argv[4], NULL, 10), &runtime, &error)
                    : uptls_runtime_new(&runtime, &error);
  if (status < 0) return complain("runtime", error, 2);
  if (uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error) < 0) {
    uptls_runtime_free(runtime);
    return complain("policy", error, 2);
  }
  exit_code = verify(policy, chain, length, argc > 3 && strcmp(argv[3], "-") != 0 ? argv[3] : NULL);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return exit_code;
}
