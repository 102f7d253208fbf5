/* Policies from Kubernetes manifests. Arguments: a folder with good ones, one with a broken one, unix seconds, good chain,
 * chain for another name. */
#include "check.h"

static uptls_runtime *runtime;

static uptls_status judge(const uptls_policy *policy, const char *path, char **report) {
  size_t length;
  char *chain = check_file(path, &length);
  uptls_status status = uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, report, NULL);
  free(chain);
  return status;
}

static void refused(const char *path, const char *backend, const char *gateway, const char *code) {
  uptls_policy *policy = (uptls_policy *)&policy;
  uptls_error *error;
  CHECK(uptls_policy_from_manifests(runtime, &path, 1, backend, gateway, UPTLS_STRICT, UPTLS_DANGER_FORBID, &policy,
                                    &error) == UPTLS_E_CONFIG);
  CHECK(policy == NULL);
  CHECK_TEXT(uptls_error_code(error), code);
  uptls_error_free(error);
}

static void misused(const char *path, const char *backend, const char *gateway, size_t count, int mode, int permission,
                    const char *word) {
  uptls_policy *policy = (uptls_policy *)&policy;
  uptls_error *error;
  CHECK(uptls_policy_from_manifests(runtime, &path, count, backend, gateway, mode, permission, &policy, &error) ==
        UPTLS_E_USAGE);
  CHECK(policy == NULL && strstr(uptls_error_message(error), word) != NULL);
  uptls_error_free(error);
}

static void connectors(const char *good, const char *broken) {
  uptls_connector *connector;
  uptls_conn *conn = (uptls_conn *)&conn;
  uptls_error *error, *second;
  uptls_policy *policy;
  uint64_t generation;
  char *event;
  CHECK(uptls_connector_from_manifests(runtime, &good, 1, "shop/pay:443", NULL, UPTLS_STRICT, UPTLS_DANGER_FORBID, &connector,
                                       NULL) == UPTLS_OK);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY && uptls_connector_generation(connector) == 1);
  /* an update that could not be made: fail closed, with the reason */
  CHECK(uptls_policy_from_manifests(runtime, &broken, 1, "shop/pay:443", NULL, UPTLS_STRICT, UPTLS_DANGER_FORBID, &policy,
                                    &error) == UPTLS_E_CONFIG);
  CHECK(uptls_connector_refuse(connector, error, NULL) == UPTLS_OK);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_NOT_READY);
  CHECK(uptls_connector_next_event(connector, &event, NULL) == UPTLS_OK);
  CHECK(strstr(event, "\"kind\": \"not_ready\"") != NULL && strstr(event, uptls_error_code(error)) != NULL);
  uptls_string_free(event);
  uptls_error_free(error);
  uptls_connector_unref(connector);

  /* none can be made at all: a connector that says why */
  CHECK(uptls_connector_from_manifests(runtime, &broken, 1, "shop/pay:443", NULL, UPTLS_STRICT, UPTLS_DANGER_FORBID,
                                       &connector, NULL) == UPTLS_OK);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_NOT_READY && uptls_connector_generation(connector) == 0);
  CHECK(uptls_conn_new(connector, "pay.internal", NULL, &conn, &error) == UPTLS_E_CONFIG && conn == NULL);
  CHECK_TEXT(uptls_error_code(error), "policy_not_ready");
  CHECK(uptls_connector_refuse(connector, error, &second) == UPTLS_E_USAGE); /* it is not about a policy that was given */
  uptls_error_free(second);
  uptls_error_free(error);
  CHECK(uptls_connector_policy(connector, &policy, &error) == UPTLS_E_CONFIG && policy == NULL);
  CHECK_TEXT(uptls_error_code(error), "policy_not_ready");
  uptls_error_free(error);
  CHECK(uptls_policy_from_manifests(runtime, &good, 1, "shop/pay:443", NULL, UPTLS_STRICT, UPTLS_DANGER_FORBID, &policy,
                                    NULL) == UPTLS_OK);
  CHECK(uptls_connector_update(connector, policy, &generation, NULL) == UPTLS_OK && generation == 1);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
  uptls_policy_unref(policy);
  uptls_connector_unref(connector);
}

static void texts(const char *folder) {
  char path[4096], *text;
  size_t length;
  uptls_policy *policy;
  uptls_error *error;
  CHECK(snprintf(path, sizeof path, "%s/all.yaml", folder) < (int)sizeof path);
  text = check_file(path, &length);
  CHECK(uptls_policy_from_manifest_text(runtime, (const uint8_t *)text, length, "all.yaml", "shop/pay:443", NULL, UPTLS_STRICT,
                                        UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  uptls_policy_unref(policy);
  CHECK(uptls_policy_from_manifest_text(runtime, (const uint8_t *)text, length / 2, "all.yaml", "shop/pay:443", NULL,
                                        UPTLS_STRICT, UPTLS_DANGER_FORBID, &policy, &error) == UPTLS_E_CONFIG);
  CHECK(policy == NULL);
  uptls_error_free(error);
  free(text);
}

int main(int argc, char **argv) {
  const char *good, *broken, *both[2];
  uptls_policy *policy;
  uptls_error *error;
  char *report;
  CHECK(argc == 6);
  good = argv[1];
  broken = argv[2];
  CHECK(uptls_runtime_new_at(strtoll(argv[3], NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_manifests(runtime, &good, 1, "shop/pay:443", NULL, UPTLS_STRICT, UPTLS_DANGER_FORBID, &policy,
                                    &error) == UPTLS_OK && error == NULL);
  CHECK(judge(policy, argv[4], &report) == UPTLS_OK);
  uptls_string_free(report);
  CHECK(judge(policy, argv[5], &report) == UPTLS_E_NAME);
  uptls_string_free(report);
  uptls_policy_unref(policy);

  /* it fails closed: what cannot be read might count */
  both[0] = good;
  both[1] = broken;
  CHECK(uptls_policy_from_manifests(runtime, both, 2, "shop/pay:443", NULL, UPTLS_STRICT, UPTLS_DANGER_FORBID, &policy,
                                    &error) == UPTLS_E_CONFIG && policy == NULL);
  uptls_error_free(error);
  both[1] = NULL;
  CHECK(uptls_policy_from_manifests(runtime, both, 2, "shop/pay:443", NULL, 0, 0, &policy, &error) == UPTLS_E_USAGE);
  CHECK(strstr(uptls_error_message(error), "paths[1]") != NULL);
  uptls_error_free(error);
  refused(good, "shop/nobody:443", NULL, "reference_unresolved");
  refused(good, "shop/pay:443", "edge/public", "reference_unresolved");
  refused("/nonexistent", "shop/pay:443", NULL, "document_unreadable");
  misused(good, "", NULL, 1, 0, 0, "backend");
  misused(good, "shop/pay:0", NULL, 1, 0, 0, "port");
  misused(good, "shop/pay", "a/b/c", 1, 0, 0, "gateway");
  misused(good, "shop/pay", NULL, 0, 0, 0, "count");
  misused(good, "shop/pay", NULL, SIZE_MAX, 0, 0, "count");
  misused(good, "shop/pay", NULL, 1, 2, 0, "mode");
  misused(good, "shop/pay", NULL, 1, 0, 2, "permission");
  misused("\xff", "shop/pay", NULL, 1, 0, 0, "paths[0]");
  connectors(good, broken);
  texts(good);
  uptls_runtime_free(runtime);
  return 0;
}
