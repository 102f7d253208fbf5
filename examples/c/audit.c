/* A stricter policy on trial, then enforced: audit policy.yaml next.yaml HOST ADDRESS PORT
 *
 * Connects by policy.yaml while next.yaml judges the same peer and decides nothing. Then it enforces next.yaml, and asks which of
 * the connections that are open it would refuse.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <uptls.h>

static uptls_status load(const uptls_runtime *runtime, const char *path, uptls_connector **connector, uptls_policy **policy,
                         uptls_error **error) {
  uptls_status status = uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, policy, error);
  return status == UPTLS_OK ? uptls_connector_new(*policy, UPTLS_KEEP_LAST_GOOD, connector, error) : status;
}

/* Who is on the other side, for a log. The evidence owns the texts. */
static void print_peer(const uptls_evidence *evidence) {
  printf("TLS %s to %s, issued by %s, trusted until %" PRId64 "\n", uptls_evidence_version(evidence),
         uptls_evidence_subject(evidence, UPTLS_CERTIFICATE_LEAF), uptls_evidence_issuer(evidence, UPTLS_CERTIFICATE_LEAF),
         uptls_evidence_trusted_until(evidence));
}

static void print_report(const uptls_connector *connector) {
  char *json;
  if (uptls_connector_audit_report(connector, &json, NULL) != UPTLS_OK || json == NULL) return;
  printf("%s\n", json);
  uptls_string_free(json);
}

/* Each is to be closed now; a gateway does that over some seconds. */
static void print_refused(const uptls_connector *connector) {
  uptls_error *why;
  uint64_t id;
  while (uptls_connector_next_refused(connector, &id, &why, NULL) == UPTLS_OK && id != 0) {
    printf("close connection %" PRIu64 ": %s\n", id, uptls_error_code(why));
    uptls_error_free(why);
    uptls_connector_closed(connector, id);
  }
}

int main(int argc, char **argv) {
  uptls_runtime *runtime = NULL;
  uptls_policy *policy = NULL, *next = NULL;
  uptls_connector *connector = NULL, *shadow = NULL;
  uptls_stream *stream = NULL;
  uptls_evidence *evidence = NULL;
  uptls_error *error = NULL;
  uint64_t id, generation;
  size_t refused;

  if (argc < 6) return fprintf(stderr, "usage: %s policy.yaml next.yaml HOST ADDRESS PORT\n", argv[0]), 2;
  if (uptls_runtime_new(&runtime, &error) == UPTLS_OK && load(runtime, argv[1], &connector, &policy, &error) == UPTLS_OK &&
      load(runtime, argv[2], &shadow, &next, &error) == UPTLS_OK &&
      uptls_connector_audit(connector, shadow, &error) == UPTLS_OK &&
      uptls_stream_connect(connector, argv[3], (uint16_t)atoi(argv[5]), argv[4], NULL, &stream, &error) == UPTLS_OK &&
      uptls_stream_evidence(stream, &evidence, &error) == UPTLS_OK &&
      uptls_connector_opened(connector, argv[3], evidence, &id, &error) == UPTLS_OK) {
    print_peer(evidence);
    print_report(connector);
    if (uptls_connector_update(connector, next, &generation, &error) == UPTLS_OK &&
        uptls_connector_reconsider(connector, &refused, &error) == UPTLS_OK) {
      printf("generation %" PRIu64 " would refuse %zu of the open connections\n", generation, refused);
      print_refused(connector);
    }
  }
  uptls_evidence_unref(evidence);
  uptls_stream_free(stream);
  uptls_connector_unref(shadow);
  uptls_connector_unref(connector);
  uptls_policy_unref(next);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  if (error == NULL) return 0;
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}
