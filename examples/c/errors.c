/* A tour of the failures: what each says, and what a program does about it. errors FOLDER
 *
 * FOLDER is examples/refused. Nothing leaves this machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uptls.h>

enum { NOW = 1795392000 };

/* The status is coarse on purpose: enough to decide by. */
static const char *decision(uptls_status status) {
  switch (status) {
    case UPTLS_E_CONFIG: return "the policy's author must act: do not retry";
    case UPTLS_E_UNTRUSTED:
    case UPTLS_E_NAME:
    case UPTLS_E_VALIDITY:
    case UPTLS_E_REVOKED: return "the peer is not who it should be: do not retry, raise the alarm";
    case UPTLS_E_PEER_ALERT: return "the peer refused us: do not retry before our identity or name changes";
    case UPTLS_E_IO:
    case UPTLS_E_TIMEOUT:
    case UPTLS_E_TRUNCATED: return "the network: retry, perhaps elsewhere";
    case UPTLS_E_LOCAL: return "this side is short of something: keep the peer, wait, retry";
    case UPTLS_E_USAGE: return "this program is wrong";
    default: return "report it";
  }
}

/* Code and number are stable; message and hint are for people; the JSON has all of it. */
static void show(const char *what, uptls_status status, uptls_error *error) {
  printf("%s\n  status:  %d, %s\n", what, (int)status, uptls_status_string(status));
  if (error != NULL) {
    printf("  code:    %s (%d)\n", uptls_error_code(error), (int)uptls_error_number(error));
    printf("  message: %s\n  hint:    %s\n", uptls_error_message(error), uptls_error_hint(error));
  }
  printf("  so:      %s\n", decision(status));
  uptls_error_free(error);
}

/* Policies that are wrong: every problem at once, with line and column in the JSON. */
static void policies(const uptls_runtime *runtime, const char *folder) {
  static const char *const specs[][2] = {
      {"a field that does not exist", "{trust: {system: mozilla}, serverNaem: pay.internal}"},
      {"a policy that trusts nothing", "{trust: {}}"},
      {"a CA file that is not there", "{trust: {bundles: [{file: absent.pem}]}}"},
      {"an address where a name is wanted", "{trust: {bundles: [{file: ca.pem}]}, serverName: '10.0.0.7'}"},
  };
  size_t index;
  for (index = 0; index < sizeof specs / sizeof specs[0]; index++) {
    char text[512];
    uptls_policy *policy;
    uptls_error *error;
    uptls_status status;
    snprintf(text, sizeof text, "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: %s\n", specs[index][1]);
    status = uptls_policy_from_document(runtime, (const uint8_t *)text, strlen(text), "tour.yaml", folder,
                                        UPTLS_DANGER_FORBID, &policy, &error);
    show(specs[index][0], status, error);
    uptls_policy_unref(policy);
  }
}

/* A certificate that the policy refuses. */
static void peers(const uptls_policy *policy, const char *folder) {
  static uint8_t chain[65536];
  char path[512];
  char *report;
  size_t length;
  FILE *file;
  uptls_error *error;
  uptls_status status;
  snprintf(path, sizeof path, "%s/chain.pem", folder);
  if ((file = fopen(path, "rb")) == NULL) {
    perror(path);
    exit(2);
  }
  length = fread(chain, 1, sizeof chain, file);
  fclose(file);
  status = uptls_policy_verify(policy, chain, length, "payments.internal", &report, &error);
  show("a certificate for somebody else", status, error);
  uptls_string_free(report);
  status = uptls_policy_verify(policy, NULL, 0, "payments.internal", &report, &error);
  show("no certificate at all", status, error);
  uptls_string_free(report);
}

/* No program listens on port 1. */
static void network(uptls_policy *policy) {
  uptls_connect_options options = {sizeof options, 60000, NULL, NULL, 0, NULL}; /* a minute instead of the policy's ten seconds */
  uptls_connector *connector;
  uptls_stream *stream;
  uptls_error *error;
  uptls_status status = uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, &error);
  if (status >= 0) {
    status = uptls_stream_connect(connector, "payments.internal", 1, "127.0.0.1", &options, &stream, &error);
  }
  show("a port that nobody listens on", status, error);
  uptls_connector_unref(connector);
}

int main(int argc, char **argv) {
  char path[512];
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_error *error;
  uptls_status status;

  if (argc != 2) return fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  status = uptls_runtime_new_at(NOW, &runtime, &error);
  if (status < 0) return show("a runtime", status, error), 1;
  policies(runtime, argv[1]);
  snprintf(path, sizeof path, "%s/policy.yaml", argv[1]);
  status = uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, &policy, &error);
  if (status < 0) {
    show(path, status, error);
    uptls_runtime_free(runtime);
    return 1;
  }
  peers(policy, argv[1]);
  network(policy);
  status = uptls_policy_from_file(NULL, path, UPTLS_DANGER_FORBID, NULL, &error);
  show("a NULL where none may be", status, error);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return 0;
}
