/* A policy made piece by piece, for programs that have no document: what it means, and what it says of a chain.
 *
 *   cc build.c -luptls -o build
 *   ./build ca.pem chain.pem name [unix-seconds]
 *
 * Ends with 0: accepted, 1: refused, 2: the policy or the arguments cannot be used.
 */
#include <stdio.h>
#include <stdlib.h>

#include <uptls.h>

enum { MAXIMUM = 1 << 20 };

/* Says why, with what the table of codes has of it, frees the error, and returns the exit code. */
static int complain(const char *what, uptls_error *error, int exit_code) {
  uint16_t number = uptls_error_number(error);
  fprintf(stderr, "%s: %s: %s\nhint: %s\n", what, uptls_code_name(number), uptls_error_message(error),
          uptls_error_hint(error));
  fprintf(stderr, "in general: %s %s\n", uptls_code_meaning(number), uptls_code_remedy(number));
  uptls_error_free(error);
  return exit_code;
}

/* Each call checks what it can at once; uptls_builder_build reads the files and checks the whole. */
static uptls_status fill(uptls_builder *builder, const char *ca, const char *name, uptls_error **error) {
  uptls_status status = uptls_builder_set_name(builder, "payments", error);
  if (status == UPTLS_OK) status = uptls_builder_add_ca_file(builder, ca, error);
  if (status == UPTLS_OK) status = uptls_builder_set_server_name(builder, name, error);
  /* the certificate holds this name, or a SPIFFE ID at or below the path */
  if (status == UPTLS_OK) status = uptls_builder_add_san_dns(builder, name, error);
  if (status == UPTLS_OK) status = uptls_builder_add_san_spiffe_path_prefix(builder, "prod.example", "/ns/pay", error);
  if (status == UPTLS_OK) status = uptls_builder_add_alpn(builder, "h2", error);
  if (status == UPTLS_OK) status = uptls_builder_set_alpn_required(builder, error);
  if (status == UPTLS_OK) status = uptls_builder_set_min_version(builder, "1.2", error);
  if (status == UPTLS_OK) status = uptls_builder_add_group(builder, "X25519", error);
  if (status == UPTLS_OK) status = uptls_builder_add_group(builder, "secp256r1", error);
  if (status == UPTLS_OK) status = uptls_builder_set_handshake_timeout(builder, "2500ms", error);
  return status;
}

static uptls_status build(const uptls_runtime *runtime, char **argv, uptls_policy **policy, uptls_error **error) {
  uptls_builder *builder;
  uptls_status status = uptls_builder_new(&builder, error);
  if (status < 0) return status;
  status = fill(builder, argv[1], argv[3], error);
  if (status == UPTLS_OK) status = uptls_builder_build(builder, runtime, policy, error);
  uptls_builder_free(builder); /* the policy does not need it */
  return status;
}

static int verify(const uptls_policy *policy, const uint8_t *chain, size_t length) {
  uptls_error *error;
  uptls_status status;
  char *description, *report;
  if (uptls_policy_describe(policy, &description, &error) < 0) return complain("description", error, 2);
  printf("%s, %s\n%s\n", uptls_policy_name(policy), uptls_policy_fingerprint(policy), description);
  uptls_string_free(description);
  status = uptls_policy_verify(policy, chain, length, NULL, &report, &error);
  uptls_string_free(report); /* every step, as JSON */
  if (status < 0) return complain("refused", error, 1);
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

  if (argc < 4 || (file = fopen(argv[2], "rb")) == NULL) {
    fprintf(stderr, "usage: %s ca.pem chain.pem name [unix-seconds]\n", argv[0]);
    return 2;
  }
  length = fread(chain, 1, sizeof chain, file);
  fclose(file);
  status = argc > 4 ? uptls_runtime_new_at(strtoll(argv[4], NULL, 10), &runtime, &error)
                    : uptls_runtime_new(&runtime, &error);
  if (status < 0) return complain("runtime", error, 2);
  if (build(runtime, argv, &policy, &error) < 0) {
    exit_code = complain("policy", error, 2);
  } else {
    exit_code = verify(policy, chain, length);
    uptls_policy_unref(policy);
  }
  uptls_runtime_free(runtime);
  return exit_code;
}
