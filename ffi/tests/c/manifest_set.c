/* Kubernetes manifests that are read once, for many backends. Arguments: a folder with good ones, one with a broken one, unix
 * seconds, good chain, chain for another name. */
#include "check.h"

static uptls_runtime *runtime;

static uptls_manifest_set *load(const char *path) {
  uptls_manifest_set *set;
  CHECK(uptls_manifest_set_load(runtime, &path, 1, NULL, &set, NULL) == UPTLS_OK);
  return set;
}

static uptls_status judge(const uptls_policy *policy, const char *path) {
  size_t length;
  char *chain = check_file(path, &length), *report;
  uptls_status status = uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, &report, NULL);
  uptls_string_free(report);
  free(chain);
  return status;
}

static void answers(const char *folder, const char *good, const char *other) {
  uptls_manifest_set *set = load(folder), *second;
  uptls_policy *policy;
  uptls_error *error;
  char *json;
  CHECK(uptls_manifest_set_count(set) == 1 && uptls_manifest_set_count(NULL) == 0);
  CHECK_TEXT(uptls_manifest_set_backend(set, 0), "Service/shop/pay:443");
  CHECK(uptls_manifest_set_backend(set, 1) == NULL && uptls_manifest_set_backend(set, SIZE_MAX) == NULL);
  CHECK(uptls_manifest_set_gateway(set, 0) == NULL && uptls_manifest_set_gateway(set, 1) == NULL);
  CHECK(uptls_manifest_set_policy(set, uptls_manifest_set_backend(set, 0), NULL, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_manifest_set_report(set, &json, NULL) == UPTLS_OK);
  CHECK(strstr(json, "\"schema\": \"uptls.import/v1\"") != NULL && strstr(json, "\"ready\": true") != NULL);
  CHECK(strstr(json, "\"status\"") == NULL);
  uptls_string_free(json);
  second = uptls_manifest_set_ref(set);
  uptls_manifest_set_unref(set);
  CHECK(uptls_manifest_set_policy(second, "shop/nobody:443", NULL, (uptls_policy **)&json, &error) == UPTLS_E_CONFIG);
  CHECK_TEXT(uptls_error_code(error), "reference_unresolved");
  uptls_error_free(error);
  CHECK(uptls_manifest_set_policy(second, "shop/pay:0", NULL, (uptls_policy **)&json, &error) == UPTLS_E_USAGE);
  uptls_error_free(error);
  uptls_manifest_set_unref(second);
  /* what a set gave does not need it */
  CHECK(judge(policy, good) == UPTLS_OK && judge(policy, other) == UPTLS_E_NAME);
  uptls_policy_unref(policy);
}

static void follows(const char *good, const char *broken) {
  uptls_manifest_set *set = load(good), *bad = load(broken);
  uptls_connector *connector;
  uptls_error *error;
  uint64_t generation;
  CHECK(uptls_manifest_set_connector(bad, "shop/pay", NULL, &connector, NULL) == UPTLS_OK);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_NOT_READY);
  CHECK(uptls_manifest_set_publish(set, connector, "shop/pay", NULL, &generation, NULL) == UPTLS_OK && generation == 1);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
  /* what cannot be read might count, and what is gone counts no more */
  CHECK(uptls_manifest_set_publish(bad, connector, "shop/pay", NULL, &generation, &error) == UPTLS_E_CONFIG);
  CHECK(generation == 0 && uptls_connector_state(connector) == UPTLS_STATE_NOT_READY);
  uptls_error_free(error);
  CHECK(uptls_manifest_set_publish(set, connector, "shop/pay", NULL, &generation, NULL) == UPTLS_OK);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
  CHECK(uptls_manifest_set_publish(set, connector, "shop/ledger", NULL, &generation, &error) == UPTLS_E_CONFIG);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_NOT_READY);
  uptls_error_free(error);
  /* a call that is wrong says nothing of the backend */
  CHECK(uptls_manifest_set_publish(set, connector, "shop/pay", NULL, &generation, NULL) == UPTLS_OK);
  CHECK(uptls_manifest_set_publish(set, connector, "a/b/c/d", NULL, &generation, NULL) == UPTLS_E_USAGE);
  CHECK(uptls_connector_state(connector) == UPTLS_STATE_READY);
  uptls_connector_unref(connector);
  uptls_manifest_set_unref(bad);
  uptls_manifest_set_unref(set);
}

static void misused(const uptls_manifest_options *options, const char *word) {
  uptls_manifest_set *set = (uptls_manifest_set *)&set;
  uptls_error *error;
  CHECK(uptls_manifest_set_parse(runtime, NULL, 0, "text", options, &set, &error) == UPTLS_E_USAGE && set == NULL);
  CHECK(strstr(uptls_error_message(error), word) != NULL);
  uptls_error_free(error);
}

static void options(const char *folder) {
  uptls_manifest_options options = {sizeof options, NULL, NULL, NULL, 0, 0, 0};
  uptls_manifest_set *set;
  uptls_error *error;
  char path[4096], *text, *json;
  size_t length;
  CHECK(snprintf(path, sizeof path, "%s/all.yaml", folder) < (int)sizeof path);
  text = check_file(path, &length);
  options.controller_name = "example.test/controller";
  options.flags = UPTLS_MANIFESTS_COMPLETE | UPTLS_MANIFESTS_CLUSTER_TRUST_BUNDLES;
  CHECK(uptls_manifest_set_parse(runtime, (const uint8_t *)text, length, "all.yaml", &options, &set, NULL) == UPTLS_OK);
  CHECK(uptls_manifest_set_report(set, &json, NULL) == UPTLS_OK);
  CHECK(strstr(json, "all.yaml") != NULL);
  uptls_string_free(json);
  uptls_manifest_set_unref(set);
  options.gateway = "edge/public";
  CHECK(uptls_manifest_set_parse(runtime, (const uint8_t *)text, length, "all.yaml", &options, &set, &error) ==
        UPTLS_E_CONFIG);
  CHECK_TEXT(uptls_error_code(error), "reference_unresolved");
  uptls_error_free(error);
  options.gateway = "a/b/c";
  misused(&options, "gateway");
  options.gateway = NULL;
  options.flags = 8;
  misused(&options, "flags");
  options.flags = 0;
  options.mode = 2;
  misused(&options, "mode");
  options.mode = UPTLS_FAITHFUL;
  options.permission = 2;
  misused(&options, "permission");
  options.permission = UPTLS_DANGER_FORBID;
  options.files_root = "\xff";
  misused(&options, "files_root");
  options.files_root = NULL;
  options.struct_size = 1;
  misused(&options, "struct_size");
  free(text);
}

int main(int argc, char **argv) {
  CHECK(argc == 6);
  CHECK(uptls_runtime_new_at(strtoll(argv[3], NULL, 10), &runtime, NULL) == UPTLS_OK);
  answers(argv[1], argv[4], argv[5]);
  follows(argv[1], argv[2]);
  options(argv[1]);
  uptls_runtime_free(runtime);
  return 0;
}
