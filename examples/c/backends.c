/* Which backends do these Kubernetes manifests give a policy, and which not, and why? backends PATH...
 * Files, or folders of them. A gateway makes a connector where this prints a line. */
#include <stdio.h>
#include <uptls.h>

static int complain(uptls_error *error) {
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}

/* One fault costs one backend: the others go on. */
static int list(const uptls_manifest_set *set) {
  int failed = 0;
  size_t index;
  for (index = 0; index < uptls_manifest_set_count(set); index++) {
    const char *backend = uptls_manifest_set_backend(set, index), *gateway = uptls_manifest_set_gateway(set, index);
    uptls_policy *policy;
    uptls_error *error;
    printf("%s%s%s: ", backend, gateway != NULL ? " for " : "", gateway != NULL ? gateway : "");
    if (uptls_manifest_set_policy(set, backend, gateway, &policy, &error) == UPTLS_OK) {
      puts(uptls_policy_fingerprint(policy));
      uptls_policy_unref(policy);
    } else {
      puts(uptls_error_code(error));
      failed = complain(error);
    }
  }
  return failed;
}

int main(int argc, char **argv) {
  uptls_runtime *runtime = NULL;
  uptls_manifest_set *set = NULL;
  uptls_error *error;
  int code;

  if (argc < 2) return fprintf(stderr, "usage: %s PATH...\n", argv[0]), 2;
  if (uptls_runtime_new(&runtime, &error) < 0 ||
      uptls_manifest_set_load(runtime, (const char *const *)argv + 1, (size_t)argc - 1, NULL, &set, &error) < 0)
    code = complain(error);
  else
    code = list(set);
  uptls_manifest_set_unref(set);
  uptls_runtime_free(runtime);
  return code;
}
