/* Policies by calls: each good one has a bad twin. Arguments: ca.pem, good chain, chain for another name, unix seconds,
 * client.pem, client.key, the SHA-256 of the good leaf's key in base64. */
#include "check.h"

typedef uptls_status set_text(uptls_builder *builder, const char *text, uptls_error **err);

static uptls_runtime *runtime;
static const char *ca, *good, *other;

static uptls_builder *begin(void) {
  uptls_builder *builder = (uptls_builder *)&builder;
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_ca_file(builder, ca, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, "payments.internal", NULL) == UPTLS_OK);
  return builder;
}

static uptls_policy *build(uptls_builder *builder) {
  uptls_policy *policy = (uptls_policy *)&policy;
  uptls_error *error = (uptls_error *)&error;
  uptls_status status = uptls_builder_build(builder, runtime, &policy, &error);
  if (status != UPTLS_OK) fprintf(stderr, "%s\n", uptls_error_json(error));
  CHECK(status == UPTLS_OK && error == NULL && policy != NULL);
  return policy;
}

/* The policy is refused, with this code and this word in the report. Frees the builder. */
static void refused(uptls_builder *builder, const char *code, const char *word) {
  uptls_policy *policy = (uptls_policy *)&policy;
  uptls_error *error = (uptls_error *)&error;
  CHECK(uptls_builder_build(builder, runtime, &policy, &error) == UPTLS_E_CONFIG && policy == NULL);
  CHECK_TEXT(uptls_error_code(error), code);
  if (strstr(uptls_error_json(error), word) == NULL) fprintf(stderr, "%s not in %s\n", word, uptls_error_json(error));
  CHECK(strstr(uptls_error_json(error), word) != NULL);
  uptls_error_free(error);
  uptls_builder_free(builder);
}

static uptls_status judge(const uptls_policy *policy, const char *path) {
  size_t length;
  char *report, *chain = check_file(path, &length);
  uptls_status status = uptls_policy_verify(policy, (const uint8_t *)chain, length, NULL, &report, NULL);
  uptls_string_free(report);
  free(chain);
  return status;
}

/* Builds, judges both chains, and frees all. */
static void judged(uptls_builder *builder, uptls_status for_good, uptls_status for_other) {
  uptls_policy *policy = build(builder);
  CHECK(judge(policy, good) == for_good);
  CHECK(judge(policy, other) == for_other);
  uptls_policy_unref(policy);
  uptls_builder_free(builder);
}

static void trust(const char *pin) {
  size_t length;
  char *pem = check_file(ca, &length);
  uptls_builder *builder = begin();
  uptls_error *error;
  judged(builder, UPTLS_OK, UPTLS_E_NAME);

  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK); /* nothing is trusted by default */
  refused(builder, "trust_missing", "spec.trust");

  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_ca_pem(builder, (const uint8_t *)pem, length, "our CA", NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, "payments.internal", NULL) == UPTLS_OK);
  judged(builder, UPTLS_OK, UPTLS_E_NAME);
  builder = begin();
  CHECK(uptls_builder_add_ca_pem(builder, (const uint8_t *)"no PEM", 6, "our CA", NULL) == UPTLS_OK);
  refused(builder, "trust_bundle_empty", "our CA");
  builder = begin();
  CHECK(uptls_builder_add_ca_pem(builder, NULL, 0, NULL, NULL) == UPTLS_OK);
  refused(builder, "trust_bundle_empty", "spec.trust.bundles[1]");
  builder = begin();
  CHECK(uptls_builder_add_ca_pem(builder, (const uint8_t *)"\xff", 1, NULL, &error) == UPTLS_E_USAGE);
  uptls_error_free(error);
  CHECK(uptls_builder_add_ca_file(builder, "/nonexistent/ca.pem", NULL) == UPTLS_OK);
  refused(builder, "trust_unreadable", "/nonexistent/ca.pem");
  free(pem);

  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_pinned_key(builder, pin, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, "payments.internal", NULL) == UPTLS_OK);
  judged(builder, UPTLS_OK, UPTLS_E_UNTRUSTED);
  builder = begin();
  CHECK(uptls_builder_add_pinned_key(builder, "short", NULL) == UPTLS_OK);
  refused(builder, "policy_invalid", "spec.trust.pinnedKeys[0]");
  builder = begin();
  CHECK(uptls_builder_add_pinned_certificate(builder, "short", NULL) == UPTLS_OK);
  refused(builder, "policy_invalid", "spec.trust.pinnedCertificates[0]");
  builder = begin();
  CHECK(uptls_builder_add_spki_pin(builder, pin, NULL) == UPTLS_OK);
  judged(builder, UPTLS_OK, UPTLS_E_NAME);
  builder = begin();
  CHECK(uptls_builder_add_spki_pin(builder, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NULL) == UPTLS_OK);
  judged(builder, UPTLS_E_UNTRUSTED, UPTLS_E_NAME);

  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_system_roots(builder, UPTLS_SYSTEM_ROOTS_MOZILLA, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, "payments.internal", NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_system_roots(builder, 4, NULL) == UPTLS_E_USAGE);
  CHECK(uptls_builder_set_system_roots(builder, -1, NULL) == UPTLS_E_USAGE);
  judged(builder, UPTLS_E_UNTRUSTED, UPTLS_E_UNTRUSTED);
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_system_roots(builder, UPTLS_SYSTEM_ROOTS_MOZILLA, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_system_roots(builder, UPTLS_SYSTEM_ROOTS_NONE, NULL) == UPTLS_OK);
  refused(builder, "trust_missing", "spec.trust");
}

static void names(void) {
  uptls_builder *builder = begin();
  CHECK(uptls_builder_add_san_dns(builder, "payments-v2.internal", NULL) == UPTLS_OK);
  judged(builder, UPTLS_E_NAME, UPTLS_OK); /* the server name is no identity any more */
  builder = begin();
  CHECK(uptls_builder_add_san_dns(builder, "payments-v2.internal", NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_san_dns(builder, "payments.internal", NULL) == UPTLS_OK);
  judged(builder, UPTLS_OK, UPTLS_OK);
  builder = begin();
  CHECK(uptls_builder_add_san_ip(builder, "192.0.2.1", NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_san_uri(builder, "spiffe://shop/pay", NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_san_spiffe_trust_domain(builder, "shop", NULL) == UPTLS_OK);
  judged(builder, UPTLS_E_NAME, UPTLS_E_NAME);
}

/* A builder with the CA for one trust domain, as a file, and for another, as text; both are wanted. */
static uptls_builder *federated(const char *first, const char *second) {
  uptls_builder *builder;
  size_t length;
  char *pem = check_file(ca, &length);
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, "none", NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_spiffe_ca_file(builder, ca, first, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_spiffe_ca_pem(builder, (const uint8_t *)pem, length, "our CA", second, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_san_spiffe_trust_domain(builder, "shop", NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_san_spiffe_path_prefix(builder, "bank", "/ns/pay", NULL) == UPTLS_OK);
  free(pem);
  return builder;
}

/* Which bundle vouches for which trust domain. */
static void spiffe(void) {
  uptls_builder *builder = federated("shop", "bank");
  uptls_policy *policy = build(builder);
  char *json;
  CHECK(uptls_policy_describe(policy, &json, NULL) == UPTLS_OK);
  CHECK(strstr(json, "\"trust_domain\": \"shop\"") != NULL && strstr(json, "\"trust_domain\": \"bank\"") != NULL);
  CHECK(strstr(json, "spiffePathPrefix:spiffe://bank/ns/pay") != NULL);
  uptls_string_free(json);
  uptls_policy_unref(policy);
  judged(builder, UPTLS_E_NAME, UPTLS_E_NAME);
  refused(federated("other", "other"), "policy_invalid", "trust domain bank");
  /* One name that can match is enough; of the other a warning tells. */
  builder = federated("shop", "shop");
  policy = build(builder);
  CHECK(uptls_policy_describe(policy, &json, NULL) == UPTLS_OK);
  CHECK(strstr(json, "spiffe_id_unvouched") != NULL);
  uptls_string_free(json);
  uptls_policy_unref(policy);
  uptls_builder_free(builder);
  refused(federated("shop", "Bank"), "name_invalid", "spec.trust.bundles[1].trustDomain");
  builder = federated("shop", "bank");
  CHECK(uptls_builder_add_ca_file(builder, ca, NULL) == UPTLS_OK);
  refused(builder, "policy_invalid", "spec.trust.bundles[2]");
  builder = federated("shop", "bank");
  CHECK(uptls_builder_add_san_spiffe_path_prefix(builder, "bank", "/ns/pay/", NULL) == UPTLS_OK);
  refused(builder, "name_invalid", "spec.subjectAltNames[2].spiffe.pathPrefix");

  /* The system's roots vouch for what is named and for nothing else. */
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_server_name(builder, "none", NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_system_roots(builder, UPTLS_SYSTEM_ROOTS_MOZILLA, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_san_spiffe_trust_domain(builder, "shop", NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_system_trust_domain(builder, "shop", NULL) == UPTLS_OK);
  uptls_policy_unref(build(builder));
  CHECK(uptls_builder_set_system_trust_domain(builder, "bank", NULL) == UPTLS_OK);
  refused(builder, "policy_invalid", "systemTrustDomain");
}

typedef struct row {
  set_text *set;
  const char *good;
  const char *bad;
  const char *word; /* of the report of the bad one */
} row;

/* One text each: one that can be used, and one that cannot. */
static const row ROWS[] = {
    {uptls_builder_set_server_name, "other.internal", "not a name", "spec.serverName"},
    {uptls_builder_add_san_dns, "pay.internal", "*.*.internal", "spec.subjectAltNames[0]"},
    {uptls_builder_add_san_ip, "192.0.2.1", "192.0.2", "spec.subjectAltNames[0]"},
    {uptls_builder_add_san_uri, "https://pay.internal/", "no uri", "spec.subjectAltNames[0]"},
    {uptls_builder_add_san_spiffe_trust_domain, "shop", "Shop/", "spec.subjectAltNames[0]"},
    {uptls_builder_add_alpn, "h2", "", "spec.alpn.protocols[0]"},
    {uptls_builder_set_min_version, "1.3", "1.1", "spec.versions"},
    {uptls_builder_set_max_version, "1.2", "2", "spec.versions"},
    {uptls_builder_add_group, "X25519", "x25519", "spec.groups[0]"},
    {uptls_builder_set_handshake_timeout, "500ms", "soon", "spec.handshakeTimeout"},
};

static void texts(void) {
  size_t index;
  for (index = 0; index < sizeof ROWS / sizeof *ROWS; index++) {
    uptls_builder *builder = begin();
    uptls_error *error;
    CHECK(ROWS[index].set(builder, ROWS[index].good, NULL) == UPTLS_OK);
    uptls_policy_unref(build(builder));
    uptls_builder_free(builder);
    builder = begin();
    CHECK(ROWS[index].set(builder, "\xc3", &error) == UPTLS_E_USAGE);
    CHECK(strstr(uptls_error_message(error), "UTF-8") != NULL);
    uptls_error_free(error);
    CHECK(ROWS[index].set(builder, ROWS[index].bad, NULL) == UPTLS_OK);
    {
      uptls_policy *policy;
      CHECK(uptls_builder_build(builder, runtime, &policy, &error) == UPTLS_E_CONFIG && policy == NULL);
      if (strstr(uptls_error_json(error), ROWS[index].word) == NULL) fprintf(stderr, "%s\n", uptls_error_json(error));
      CHECK(strstr(uptls_error_json(error), ROWS[index].word) != NULL);
      uptls_error_free(error);
      uptls_builder_free(builder);
    }
  }
}

static void suites(void) {
  uptls_builder *builder = begin();
  CHECK(uptls_builder_add_cipher_suite(builder, "TLS_AES_128_GCM_SHA256", NULL) == UPTLS_OK);
  CHECK(uptls_builder_set_min_version(builder, "1.3", NULL) == UPTLS_OK);
  judged(builder, UPTLS_OK, UPTLS_E_NAME);
  builder = begin();
  CHECK(uptls_builder_add_cipher_suite(builder, "TLS_RSA_WITH_RC4_128_MD5", NULL) == UPTLS_OK);
  refused(builder, "unsupported_option", "spec.cipherSuites[0]");
}

static void identity(const char *certificate, const char *key) {
  size_t certificate_length, key_length;
  char *certificate_pem = check_file(certificate, &certificate_length), *key_pem = check_file(key, &key_length);
  uptls_builder *builder = begin();
  uptls_policy *policy;
  char *json;
  CHECK(uptls_builder_set_identity_files(builder, certificate, key, NULL, NULL) == UPTLS_OK);
  policy = build(builder);
  CHECK(uptls_policy_describe(policy, &json, NULL) == UPTLS_OK);
  CHECK(strstr(json, "uptls.description/v1") != NULL && strstr(json, "\"identity\": {") != NULL);
  uptls_string_free(json);
  uptls_policy_unref(policy);
  uptls_builder_free(builder);
  builder = begin();
  CHECK(uptls_builder_set_identity_files(builder, certificate, certificate, NULL, NULL) == UPTLS_OK);
  refused(builder, "identity_parse", "spec.identity");
  builder = begin();
  CHECK(uptls_builder_set_identity_files(builder, certificate, key, "/nonexistent/pass", NULL) == UPTLS_OK);
  refused(builder, "identity_unreadable", "/nonexistent/pass");

  builder = begin();
  CHECK(uptls_builder_set_identity_pem(builder, (const uint8_t *)certificate_pem, certificate_length, (const uint8_t *)key_pem,
                                       key_length, NULL, 0, NULL) == UPTLS_OK);
  memset(key_pem, 0, key_length); /* it was copied */
  uptls_policy_unref(build(builder));
  CHECK(uptls_builder_set_identity_pem(builder, (const uint8_t *)certificate_pem, certificate_length, (const uint8_t *)key_pem,
                                       key_length, NULL, 0, NULL) == UPTLS_OK);
  refused(builder, "identity_parse", "spec.identity");
  free(certificate_pem);
  free(key_pem);
}

static void revocation(void) {
  uptls_builder *builder = begin();
  uptls_error *error;
  CHECK(uptls_builder_add_crl_file(builder, "/nonexistent/crl.pem", NULL) == UPTLS_OK);
  refused(builder, "crl_unreadable", "/nonexistent/crl.pem");
  builder = begin();
  CHECK(uptls_builder_add_crl_pem(builder, (const uint8_t *)"no list", 7, "our list", NULL) == UPTLS_OK);
  refused(builder, "crl_parse", "our list");
  builder = begin();
  CHECK(uptls_builder_set_revocation(builder, "some", "deny", NULL) == UPTLS_OK);
  refused(builder, "policy_invalid", "spec.revocation");
  builder = begin();
  CHECK(uptls_builder_set_revocation(builder, "\xff", NULL, &error) == UPTLS_E_USAGE);
  uptls_error_free(error);
  CHECK(uptls_builder_set_revocation(builder, NULL, "\xff", &error) == UPTLS_E_USAGE);
  uptls_error_free(error);
  judged(builder, UPTLS_OK, UPTLS_E_NAME); /* misuse changes nothing */
}

/* One builder, two policies: it stays as it is, and later calls do not reach what was built. */
static void again(void) {
  uptls_builder *builder = begin();
  uptls_policy *first, *second, *third;
  CHECK(uptls_builder_set_name(builder, "payments", NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_alpn_bytes(builder, (const uint8_t *)"h2", 2, NULL) == UPTLS_OK);
  CHECK(uptls_builder_add_alpn_bytes(builder, (const uint8_t *)"\xff", 1, NULL) == UPTLS_E_USAGE);
  first = build(builder);
  second = build(builder);
  CHECK(uptls_builder_set_alpn_required(builder, NULL) == UPTLS_OK);
  CHECK(uptls_builder_disable_resumption(builder, NULL) == UPTLS_OK);
  third = build(builder);
  uptls_builder_free(builder);
  CHECK_TEXT(uptls_policy_name(first), "payments");
  CHECK_TEXT(uptls_policy_fingerprint(second), uptls_policy_fingerprint(first));
  CHECK(strcmp(uptls_policy_fingerprint(third), uptls_policy_fingerprint(first)) != 0);
  CHECK(judge(first, good) == UPTLS_OK && judge(third, good) == UPTLS_OK);
  uptls_policy_unref(first);
  uptls_policy_unref(second);
  uptls_policy_unref(third);
  builder = begin();
  CHECK(uptls_builder_set_alpn_required(builder, NULL) == UPTLS_OK);
  refused(builder, "policy_invalid", "spec.alpn");
}

int main(int argc, char **argv) {
  CHECK(argc == 8);
  ca = argv[1];
  good = argv[2];
  other = argv[3];
  CHECK(uptls_runtime_new_at(strtoll(argv[4], NULL, 10), &runtime, NULL) == UPTLS_OK);
  trust(argv[7]);
  names();
  spiffe();
  texts();
  suites();
  identity(argv[5], argv[6]);
  revocation();
  again();
  uptls_runtime_free(runtime);
  return 0;
}
