/* Kubernetes objects that change one by one, and connectors that follow them. Arguments: a CA in PEM, unix seconds, good chain,
 * chain for another name. */
#include "check.h"

#define POLICY "\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"BackendTLSPolicy\""
#define NAMED(name) "\"metadata\": {\"name\": \"" name "\", \"namespace\": \"shop\"}"
#define CA "\"caCertificateRefs\": [{\"group\": \"\", \"kind\": \"ConfigMap\", \"name\": \"ca\"}]"
#define PAY(hostname)                                                                                                  \
  "{" POLICY ", " NAMED("pay") ", \"spec\": {\"targetRefs\": [{\"group\": \"\", \"kind\": \"Service\", \"name\": \"pay\"}], " \
  "\"validation\": {\"hostname\": " hostname ", " CA "}}}"
#define ROUTE                                                                                                          \
  "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\", " NAMED("pay") ", \"spec\": {"          \
  "\"parentRefs\": [{\"name\": \"public\"}], \"rules\": [{\"backendRefs\": [{\"name\": \"pay\", \"port\": 443}]}]}}"

static uptls_runtime *runtime;

static void upsert(uptls_manifest_store *store, const char *object) {
  CHECK(uptls_manifest_store_upsert(store, (const uint8_t *)object, strlen(object), NULL) == UPTLS_OK);
}

static void remove_object(uptls_manifest_store *store, const char *object) {
  CHECK(uptls_manifest_store_remove(store, (const uint8_t *)object, strlen(object), NULL) == UPTLS_OK);
}

static size_t resolve(uptls_manifest_store *store) {
  size_t count = 7;
  CHECK(uptls_manifest_store_resolve_changed(store, &count, NULL) == UPTLS_OK);
  CHECK(uptls_manifest_store_changed_backend(store, count) == NULL && uptls_manifest_store_changed_gateway(store, count) == NULL);
  return count;
}

/* A ConfigMap with the CA: its lines are those of a text in JSON. */
static void upsert_ca(uptls_manifest_store *store, const char *path) {
  size_t length, used;
  char *pem = check_file(path, &length), *object = malloc(2 * length + 200), *end;
  CHECK(object != NULL);
  end = object + sprintf(object, "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", %s, \"data\": {\"ca.crt\": \"", NAMED("ca"));
  for (used = 0; used < length; used++) {
    if (pem[used] == '\n') *end++ = '\\', *end++ = 'n';
    else if (pem[used] != '\r') *end++ = pem[used];
  }
  strcpy(end, "\"}}");
  upsert(store, object);
  free(object);
  free(pem);
}

static uptls_manifest_store *filled(const char *ca) {
  uptls_manifest_store *store;
  CHECK(uptls_manifest_store_new(runtime, NULL, &store, NULL) == UPTLS_OK);
  CHECK(resolve(store) == 0);
  upsert_ca(store, ca);
  upsert(store, PAY("\"payments.internal\""));
  return store;
}

static uptls_status judge(const uptls_policy *policy, const char *path) {
  size_t length;
  char *chain = check_file(path, &length), *report;
  uptls_status status = uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, &report, NULL);
  uptls_string_free(report);
  free(chain);
  return status;
}

static void answers(const char *ca, const char *good, const char *other) {
  uptls_manifest_store *store = filled(ca);
  uptls_policy *policy;
  uptls_error *error;
  char *json;
  /* nothing counts before it is resolved */
  CHECK(uptls_manifest_store_policy(store, "shop/pay", NULL, &policy, &error) == UPTLS_E_CONFIG && policy == NULL);
  CHECK_TEXT(uptls_error_code(error), "reference_unresolved");
  uptls_error_free(error);
  CHECK(resolve(store) == 1 && resolve(store) == 0);
  CHECK(uptls_manifest_store_policy(store, "shop/pay", NULL, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_manifest_store_policy(store, "shop/pay:0", NULL, (uptls_policy **)&json, NULL) == UPTLS_E_USAGE);
  CHECK(uptls_manifest_store_report(store, &json, NULL) == UPTLS_OK);
  CHECK(strstr(json, "\"schema\": \"uptls.import/v1\"") != NULL && strstr(json, "\"ready\": true") != NULL);
  uptls_string_free(json);
  uptls_manifest_store_free(store);
  uptls_manifest_store_free(NULL);
  /* what a store gave does not need it */
  CHECK(judge(policy, good) == UPTLS_OK && judge(policy, other) == UPTLS_E_NAME);
  uptls_policy_unref(policy);
}

static void publish(uptls_manifest_store *store, uptls_connector *connector, const char *code) {
  uptls_error *error;
  uint64_t generation = 7;
  const char *backend = uptls_manifest_store_changed_backend(store, 0), *gateway = uptls_manifest_store_changed_gateway(store, 0);
  uptls_status status = uptls_manifest_store_publish(store, connector, backend, gateway, &generation, &error);
  if (code == NULL) {
    CHECK(status == UPTLS_OK && generation > 0);
    CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
    return;
  }
  CHECK(status == UPTLS_E_CONFIG && generation == 0);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_NOT_READY);
  CHECK_TEXT(uptls_error_code(error), code);
  uptls_error_free(error);
}

static void follows(const char *ca) {
  uptls_manifest_store *store = filled(ca);
  uptls_connector *connector;
  CHECK(resolve(store) == 1);
  CHECK_TEXT(uptls_manifest_store_changed_backend(store, 0), "Service/shop/pay");
  CHECK(uptls_manifest_store_changed_gateway(store, 0) == NULL);
  CHECK(uptls_manifest_store_connector(store, "Service/shop/pay", NULL, &connector, NULL) == UPTLS_OK);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
  /* what is wrong stops it, and what is right starts it again */
  upsert(store, PAY("\"not a name\""));
  CHECK(resolve(store) == 1);
  publish(store, connector, "policy_invalid");
  upsert(store, PAY("\"payments.internal\""));
  CHECK(resolve(store) == 1);
  publish(store, connector, NULL);
  /* so does a text that has a field twice, and one that is not all there */
  upsert(store, PAY("\"a.test\", \"hostname\": \"payments.internal\""));
  CHECK(resolve(store) == 1);
  publish(store, connector, "document_parse");
  upsert(store, PAY("\"payments.internal\""));
  CHECK(resolve(store) == 1);
  publish(store, connector, NULL);
  /* what is gone decides nothing, whatever else there is in the object that says so */
  remove_object(store, "{" POLICY ", " NAMED("pay") ", \"spec\": 1}");
  CHECK(resolve(store) == 1);
  publish(store, connector, "reference_unresolved");
  remove_object(store, "{" POLICY ", " NAMED("pay") "}");
  CHECK(resolve(store) == 0);
  uptls_connector_unref(connector);
  uptls_manifest_store_free(store);
}

static void gateways(const char *ca) {
  uptls_manifest_store *store = filled(ca);
  CHECK(resolve(store) == 1);
  upsert(store, ROUTE);
  /* the policy of no Gateway goes, and the one of this Gateway comes */
  CHECK(resolve(store) == 2);
  CHECK(uptls_manifest_store_changed_gateway(store, 0) == NULL);
  CHECK_TEXT(uptls_manifest_store_changed_backend(store, 1), "Service/shop/pay");
  CHECK_TEXT(uptls_manifest_store_changed_gateway(store, 1), "shop/public");
  uptls_manifest_store_free(store);
}

static void refused(uptls_manifest_store *store, const char *object) {
  uptls_error *error;
  size_t length = strlen(object);
  CHECK(uptls_manifest_store_upsert(store, (const uint8_t *)object, length, &error) == UPTLS_E_CONFIG);
  CHECK_TEXT(uptls_error_code(error), "document_parse");
  uptls_error_free(error);
  CHECK(uptls_manifest_store_remove(store, (const uint8_t *)object, length, &error) == UPTLS_E_CONFIG);
  uptls_error_free(error);
  CHECK(resolve(store) == 0);
}

static void misused(const char *ca) {
  uptls_manifest_store *store = filled(ca), *none = (uptls_manifest_store *)&none;
  uptls_manifest_options options = {sizeof options, NULL, NULL, NULL, 0, 0, 8};
  CHECK(resolve(store) == 1);
  refused(store, "");
  refused(store, "kind: BackendTLSPolicy");
  refused(store, "{}");
  refused(store, "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}");
  refused(store, PAY("\"a.test\"") PAY("\"a.test\""));
  CHECK(uptls_manifest_store_new(runtime, &options, &none, NULL) == UPTLS_E_USAGE && none == NULL);
  uptls_manifest_store_free(store);
}

int main(int argc, char **argv) {
  CHECK(argc == 5);
  CHECK(uptls_runtime_new_at(strtoll(argv[2], NULL, 10), &runtime, NULL) == UPTLS_OK);
  answers(argv[1], argv[3], argv[4]);
  follows(argv[1]);
  gateways(argv[1]);
  misused(argv[1]);
  uptls_runtime_free(runtime);
  return 0;
}
