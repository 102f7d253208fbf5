/* A shadow and open connections. Arguments: the policy, the same with another server name, unix seconds, port of the right server. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

static uptls_runtime *runtime;

static uptls_policy *policy_of(const char *path) {
  uptls_policy *policy;
  CHECK(uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  return policy;
}

static uptls_connector *connector_of(const uptls_policy *policy) {
  uptls_connector *connector;
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  return connector;
}

static uptls_stream *visit(const uptls_connector *connector, uint16_t port) {
  uptls_stream *stream;
  CHECK(uptls_stream_connect(connector, HOST, port, "127.0.0.1", NULL, &stream, NULL) == UPTLS_OK);
  return stream;
}

static void reports(const uptls_connector *connector, const char *wanted) {
  char *json;
  CHECK(uptls_connector_audit_report(connector, &json, NULL) == UPTLS_OK && json != NULL);
  CHECK(strstr(json, "\"role\":\"shadow\"") != NULL);
  if (strstr(json, wanted) == NULL) fprintf(stderr, "%s\nwithout %s\n", json, wanted);
  CHECK(strstr(json, wanted) != NULL);
  uptls_string_free(json);
}

static void audits(const uptls_policy *policy, const uptls_policy *next, uint16_t port) {
  uptls_connector *connector = connector_of(policy), *shadow = connector_of(next), *equal = connector_of(policy);
  uptls_status status;
  uptls_error *error;
  char *json;
  CHECK(uptls_connector_audit_report(connector, &json, NULL) == UPTLS_OK && json == NULL);
  status = uptls_connector_audit(connector, connector, &error);
  net_check_failed(status, error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_connector_audit(connector, shadow, NULL) == UPTLS_OK);
  status = uptls_connector_audit(shadow, connector, &error);
  net_check_failed(status, error, UPTLS_E_USAGE, "misuse");
  uptls_stream_free(visit(connector, port));
  reports(connector, "\"accepted\":0,\"refused\":{\"name_mismatch\":1}");
  reports(connector, "\"unseen\":[\"server_name\"]");
  /* The twin: an equal policy refuses nothing, and a new audit counts anew. */
  CHECK(uptls_connector_audit(connector, equal, NULL) == UPTLS_OK);
  uptls_stream_free(visit(connector, port));
  reports(connector, "\"accepted\":1,\"refused\":{}");
  CHECK(uptls_connector_audit(connector, NULL, NULL) == UPTLS_OK);
  CHECK(uptls_connector_audit_report(connector, &json, NULL) == UPTLS_OK && json == NULL);
  uptls_connector_unref(equal);
  uptls_connector_unref(shadow);
  uptls_connector_unref(connector);
}

static uint64_t opened(const uptls_connector *connector, const uptls_stream *stream) {
  uptls_evidence *evidence;
  uint64_t id;
  CHECK(uptls_stream_evidence(stream, &evidence, NULL) == UPTLS_OK);
  CHECK(uptls_connector_opened(connector, HOST, evidence, &id, NULL) == UPTLS_OK);
  uptls_evidence_unref(evidence);
  return id;
}

static void reconsiders(const uptls_policy *policy, const uptls_policy *next, uint16_t port) {
  uptls_connector *connector = connector_of(policy);
  uptls_stream *stream = visit(connector, port);
  uptls_status status;
  uptls_error *why, *error;
  uint64_t id, generation;
  size_t refused;
  CHECK(opened(connector, stream) == 1 && opened(connector, stream) == 2 && opened(connector, stream) == 3);
  /* The twin: nothing has changed. */
  CHECK(uptls_connector_reconsider(connector, &refused, NULL) == UPTLS_OK && refused == 0);
  CHECK(uptls_connector_next_refused(connector, &id, &why, NULL) == UPTLS_OK && id == 0 && why == NULL);
  CHECK(uptls_connector_update(connector, next, &generation, NULL) == UPTLS_OK && generation == 2);
  CHECK(uptls_connector_reconsider(connector, &refused, NULL) == UPTLS_OK && refused == 3);
  uptls_connector_closed(connector, 2); /* it ends before it is taken */
  CHECK(uptls_connector_next_refused(connector, &id, &why, NULL) == UPTLS_OK && id == 1);
  CHECK(strcmp(uptls_error_code(why), "name_mismatch") == 0 && strlen(uptls_error_hint(why)) > 0);
  uptls_error_free(why);
  CHECK(uptls_connector_next_refused(connector, &id, &why, NULL) == UPTLS_OK && id == 3);
  uptls_error_free(why);
  CHECK(uptls_connector_next_refused(connector, &id, &why, NULL) == UPTLS_OK && id == 0 && why == NULL);
  why = (uptls_error *)&id; /* what fails gives nothing, whatever else is NULL */
  CHECK(uptls_connector_next_refused(connector, NULL, &why, NULL) == UPTLS_E_USAGE && why == NULL);
  uptls_connector_closed(connector, 1);
  uptls_connector_closed(connector, 1); /* once more is nothing */
  CHECK(uptls_connector_reconsider(connector, &refused, NULL) == UPTLS_OK && refused == 1);
  /* Accepted again. */
  CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK);
  CHECK(uptls_connector_reconsider(connector, &refused, NULL) == UPTLS_OK && refused == 0);
  CHECK(uptls_connector_withdraw(connector, NULL) == UPTLS_OK);
  status = uptls_connector_reconsider(connector, &refused, &error);
  net_check_failed(status, error, UPTLS_E_CONFIG, "policy_withdrawn");
  uptls_stream_free(stream);
  uptls_connector_unref(connector);
}

int main(int argc, char **argv) {
  uptls_policy *policy, *next;
  uint16_t port;
  CHECK(argc == 5);
  port = (uint16_t)atoi(argv[4]);
  CHECK(uptls_runtime_new_at(strtoll(argv[3], NULL, 10), &runtime, NULL) == UPTLS_OK);
  policy = policy_of(argv[1]);
  next = policy_of(argv[2]);
  audits(policy, next, port);
  reconsiders(policy, next, port);
  uptls_policy_unref(next);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return 0;
}
