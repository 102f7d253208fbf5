/* The README's program: one policy, one certificate, one report. */
#include <stdio.h>
#include <uptls.h>

int main(void) {
  static uint8_t chain[65536];
  uptls_runtime *runtime;
  uptls_policy *policy;
  char *report = NULL;
  FILE *file = fopen("examples/refused/chain.pem", "rb");
  size_t length = file ? fread(chain, 1, sizeof chain, file) : 0;

  if (uptls_runtime_new_at(1795392000, &runtime, NULL) < 0) return 1;
  if (uptls_policy_from_file(runtime, "examples/refused/policy.yaml", UPTLS_DANGER_FORBID, &policy, NULL) < 0) return 1;
  uptls_policy_verify(policy, chain, length, "payments.internal", &report, NULL);
  if (report) puts(report);
  uptls_string_free(report);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return 0;
}
