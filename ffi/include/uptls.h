/*
 * libuptls: policy in, verified upstream TLS out.
 *
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Generated from ffi/src: do not edit. `UPTLS_BLESS=1 cargo test -p uptls-ffi --test header` writes it again.
 *
 * Rules
 *   Status    0 is UPTLS_OK, below 0 is failure. Every call that can fail returns one.
 *   Pointers  Every pointer is checked: NULL where it may not be is UPTLS_E_USAGE. Every `free` and `unref` takes NULL.
 *   Results   They are last but the error, need not be initialised, are set to NULL first, and to a value only on
 *             success (reports: also where the policy refuses the peer).
 *   Errors    `err` may be NULL. Otherwise *err is set to NULL, and on failure to an error that the caller frees with
 *             uptls_error_free. There is no errno, and no last error.
 *   Texts     In: UTF-8, NUL-terminated; documents and certificates: pointer and length, where NULL with length 0 is
 *             empty. They are copied: nothing is kept after the call. Out: UTF-8, NUL-terminated; `char *` is the
 *             caller's (uptls_string_free), `const char *` is not.
 *   State     No initialisation, nothing global, no callbacks. Nothing is installed in the process.
 *   Panics    They are caught: UPTLS_E_PANIC, after a note on stderr. The process is never ended on purpose.
 *   Linking   -luptls; for libuptls.a on Linux also -lgcc_s -lutil -lrt -lpthread -lm -ldl.
 *
 * Threads
 *   uptls_runtime   any thread, several at once; freed once, when no call uses it
 *   uptls_policy    any thread, several at once; each thread that keeps it takes a reference
 *   uptls_error     any thread, several at once; freed once, when nobody uses it or its texts
 *   Functions without a handle, and the texts that they return: any thread, several at once.
 */

#ifndef UPTLS_H
#define UPTLS_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; uptls_version_number() is that of the library. */
#define UPTLS_VERSION_MAJOR 0
#define UPTLS_VERSION_MINOR 1
#define UPTLS_VERSION_PATCH 0
#define UPTLS_VERSION_NUMBER \
  ((UPTLS_VERSION_MAJOR << 16) | (UPTLS_VERSION_MINOR << 8) | UPTLS_VERSION_PATCH)
#define UPTLS_VERSION_STRING "0.1.0"

/* The reasons, uptls_error_number(). Never changed or used again; new ones are added. */
/* 1xx policy */
#define UPTLS_CODE_POLICY_INVALID 101
#define UPTLS_CODE_POLICY_NOT_READY 102
#define UPTLS_CODE_POLICY_WITHDRAWN 103
#define UPTLS_CODE_TRUST_MISSING 104
#define UPTLS_CODE_TRUST_BUNDLE_EMPTY 105
#define UPTLS_CODE_TRUST_BUNDLE_PARSE 106
#define UPTLS_CODE_TRUST_BUNDLE_EXPIRED 107
#define UPTLS_CODE_TRUST_UNREADABLE 108
#define UPTLS_CODE_CRL_PARSE 109
#define UPTLS_CODE_CRL_UNREADABLE 110
#define UPTLS_CODE_NAME_INVALID 111
#define UPTLS_CODE_NAME_MISSING 112
#define UPTLS_CODE_DANGER_FORBIDDEN 113
#define UPTLS_CODE_UNSUPPORTED_OPTION 114
#define UPTLS_CODE_NOT_EXPORTABLE 115
#define UPTLS_CODE_REFERENCE_UNRESOLVED 116
#define UPTLS_CODE_REFERENCE_NOT_PERMITTED 117
#define UPTLS_CODE_CONFLICTED 118
#define UPTLS_CODE_DOCUMENT_PARSE 119
#define UPTLS_CODE_DOCUMENT_TOO_LARGE 120

/* 2xx identity */
#define UPTLS_CODE_IDENTITY_INCOMPLETE 201
#define UPTLS_CODE_IDENTITY_KEY_MISMATCH 202
#define UPTLS_CODE_IDENTITY_PARSE 203
#define UPTLS_CODE_IDENTITY_EXPIRED 204
#define UPTLS_CODE_IDENTITY_NOT_YET_VALID 205
#define UPTLS_CODE_IDENTITY_UNREADABLE 206
#define UPTLS_CODE_IDENTITY_KEY_TOO_WEAK 207
#define UPTLS_CODE_IDENTITY_PASSPHRASE 208
#define UPTLS_CODE_IDENTITY_ENCRYPTED 209
#define UPTLS_CODE_IDENTITY_CHAIN_ORDER 210

/* 3xx connect */
#define UPTLS_CODE_DNS_FAILED 301
#define UPTLS_CODE_TCP_REFUSED 302
#define UPTLS_CODE_TCP_TIMEOUT 303
#define UPTLS_CODE_HANDSHAKE_TIMEOUT 304
#define UPTLS_CODE_PEER_CLOSED 305
#define UPTLS_CODE_PEER_RESET 306
#define UPTLS_CODE_PEER_NOT_TLS 307
#define UPTLS_CODE_TRUNCATED 308

/* 4xx chain */
#define UPTLS_CODE_CERT_UNKNOWN_ISSUER 401
#define UPTLS_CODE_CERT_SELF_SIGNED 402
#define UPTLS_CODE_CERT_MISSING_INTERMEDIATE 403
#define UPTLS_CODE_CERT_ISSUER_KEY_CHANGED 404
#define UPTLS_CODE_CERT_EXPIRED 405
#define UPTLS_CODE_ISSUER_EXPIRED 406
#define UPTLS_CODE_CERT_NOT_YET_VALID 407
#define UPTLS_CODE_CERT_BAD_SIGNATURE 408
#define UPTLS_CODE_CERT_ALGORITHM_UNSUPPORTED 409
#define UPTLS_CODE_CERT_KEY_TOO_WEAK 410
#define UPTLS_CODE_CERT_CA_AS_LEAF 411
#define UPTLS_CODE_CERT_ISSUER_NOT_CA 412
#define UPTLS_CODE_CERT_PURPOSE 413
#define UPTLS_CODE_CERT_KEY_USAGE 414
#define UPTLS_CODE_CERT_NAME_CONSTRAINT 415
#define UPTLS_CODE_CERT_PATH_TOO_LONG 416
#define UPTLS_CODE_CERT_BUDGET_EXCEEDED 417
#define UPTLS_CODE_CERT_MALFORMED 418
#define UPTLS_CODE_CERT_DISTRUSTED 419
#define UPTLS_CODE_CERT_CRITICAL_EXTENSION 420
#define UPTLS_CODE_CERT_PIN_MISMATCH 421
#define UPTLS_CODE_CERT_NONE 422

/* 5xx revocation */
#define UPTLS_CODE_CERT_REVOKED 501
#define UPTLS_CODE_REVOCATION_UNKNOWN 502
#define UPTLS_CODE_CRL_EXPIRED 503
#define UPTLS_CODE_CRL_UNTRUSTED 504

/* 6xx name */
#define UPTLS_CODE_NAME_MISMATCH 601
#define UPTLS_CODE_SAN_MISSING 602
#define UPTLS_CODE_SAN_TYPE_MISMATCH 603
#define UPTLS_CODE_SPIFFE_ID_INVALID 604

/* 7xx negotiation */
#define UPTLS_CODE_NO_COMMON_VERSION 701
#define UPTLS_CODE_NO_COMMON_CIPHER 702
#define UPTLS_CODE_NO_COMMON_GROUP 703
#define UPTLS_CODE_ALPN_MISMATCH 704

/* 8xx remote */
#define UPTLS_CODE_REMOTE_ALERT 801
#define UPTLS_CODE_IDENTITY_REQUIRED 802
#define UPTLS_CODE_IDENTITY_REJECTED 803
#define UPTLS_CODE_SERVER_NAME_REJECTED 804

/* 9xx protocol */
#define UPTLS_CODE_PEER_MISBEHAVED 901
#define UPTLS_CODE_MESSAGE_TOO_LARGE 902
#define UPTLS_CODE_CANCELLED 903
#define UPTLS_CODE_INTERNAL 904
#define UPTLS_CODE_PANIC 905
#define UPTLS_CODE_MISUSE 906


/**
 * Why a call failed. It owns all texts that its accessors return.
 */
typedef struct uptls_error uptls_error;

/**
 * A policy with its material, checked and frozen. Reference-counted.
 */
typedef struct uptls_policy uptls_policy;

/**
 * What policies share: cryptography, the clock, material that is equal. A program needs one. Policies keep what they
 * need of it: it can be freed before them.
 */
typedef struct uptls_runtime uptls_runtime;

/**
 * What a call returns: `UPTLS_OK`, or a negative `UPTLS_E_...`: `if (status < 0)` is the test for failure. The numbers
 * are stable. They are coarse: the precise reason is `uptls_error_code`. -12 is reserved.
 */
typedef int32_t uptls_status;

/**
 * Whether a policy may weaken verification (its `danger` section): `UPTLS_DANGER_FORBID` or `UPTLS_DANGER_ALLOW`.
 */
typedef int32_t uptls_danger;

/**
 * It worked; for a verification: the peer is accepted.
 */
#define UPTLS_OK 0

/**
 * The policy, its trust, its identity or the backend host cannot be used (codes 1xx, 2xx).
 */
#define UPTLS_E_CONFIG -1

/**
 * The chain does not lead to a trusted certificate, or breaks a rule (4xx).
 */
#define UPTLS_E_UNTRUSTED -2

/**
 * The certificate is for somebody else (6xx).
 */
#define UPTLS_E_NAME -3

/**
 * A certificate has expired or is not valid yet.
 */
#define UPTLS_E_VALIDITY -4

/**
 * A certificate is revoked, or it cannot be known whether it is (5xx).
 */
#define UPTLS_E_REVOKED -5

/**
 * The peer refused us (8xx).
 */
#define UPTLS_E_PEER_ALERT -6

/**
 * No common parameters, or a violation of the protocol (7xx, 9xx).
 */
#define UPTLS_E_PROTOCOL -7

/**
 * The connection ended without a close_notify.
 */
#define UPTLS_E_TRUNCATED -8

/**
 * The transport failed (3xx).
 */
#define UPTLS_E_IO -9

/**
 * A deadline passed.
 */
#define UPTLS_E_TIMEOUT -10

/**
 * The library was called wrongly: NULL, text that is not UTF-8, a value that does not exist.
 */
#define UPTLS_E_USAGE -11

/**
 * A panic was caught at the border: a bug of this library. The objects of the call can still be freed.
 */
#define UPTLS_E_PANIC -13

/**
 * Something happened that should not: a bug of this library.
 */
#define UPTLS_E_INTERNAL -14

/**
 * The caller gave up.
 */
#define UPTLS_E_CANCELLED -15

/**
 * A policy that weakens verification is refused with `danger_forbidden`. What everybody should pass.
 */
#define UPTLS_DANGER_FORBID 0

/**
 * It is accepted, and every report warns about it: whoever writes the policy then decides whether this program talks to
 * an impostor.
 */
#define UPTLS_DANGER_ALLOW 1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * A few words about a status, for logs. Never NULL; valid for ever; not to be freed. For the reason of a failure
 * see `uptls_error_message`.
 */
const char *uptls_status_string(uptls_status status);

/**
 * The version of the library that runs, `UPTLS_VERSION_NUMBER` of its header: major << 16 | minor << 8 | patch.
 */
uint32_t uptls_version_number(void);

/**
 * The version of the library that runs, `0.1.0`. Never NULL; valid for ever; not to be freed.
 */
const char *uptls_version_string(void);

/**
 * How many codes there are.
 */
size_t uptls_code_count(void);

/**
 * The number of the code at `index`, in ascending order; 0 from `uptls_code_count` on.
 */
uint16_t uptls_code_at(size_t index);

/**
 * The name of the code with this number, `name_mismatch`; NULL for a number that does not exist. Valid for ever; not
 * to be freed.
 */
const char *uptls_code_name(uint16_t number);

/**
 * One line: what happened. NULL for a number that does not exist. Valid for ever; not to be freed.
 */
const char *uptls_code_meaning(uint16_t number);

/**
 * One line: what to do about it. NULL for a number that does not exist. Valid for ever; not to be freed.
 */
const char *uptls_code_remedy(uint16_t number);

/**
 * The status that calls return for this code; `UPTLS_E_USAGE` for a number that does not exist.
 */
uptls_status uptls_code_status(uint16_t number);

/**
 * The stable name of the reason, `name_mismatch`. Owned by the error; NULL for NULL.
 */
const char *uptls_error_code(const uptls_error *error);

/**
 * The stable number of the reason, `UPTLS_CODE_NAME_MISMATCH`; 0 for NULL.
 */
uint16_t uptls_error_number(const uptls_error *error);

/**
 * One useful sentence, for logs: it may quote certificates, so do not show it to clients. Owned by the error; NULL for
 * NULL.
 */
const char *uptls_error_message(const uptls_error *error);

/**
 * The one thing to change. Owned by the error; NULL for NULL.
 */
const char *uptls_error_hint(const uptls_error *error);

/**
 * The whole report (schema `uptls.report/v1`): every problem of a policy, every step of a verification. Octet for octet
 * what Rust, Python and the command give. Owned by the error; NULL for NULL.
 */
const char *uptls_error_json(const uptls_error *error);

/**
 * The status that came with it; `UPTLS_E_USAGE` for NULL.
 */
uptls_status uptls_error_status(const uptls_error *error);

/**
 * Frees an error and its texts. NULL is fine.
 */
void uptls_error_free(uptls_error *error);

/**
 * Frees a text that a call gave through a `char **`. NULL is fine.
 */
void uptls_string_free(char *text);

/**
 * Makes a runtime with the system's clock. `*out` is owned by the caller: `uptls_runtime_free`. `err` may be NULL.
 */
uptls_status uptls_runtime_new(uptls_runtime **out,
                               uptls_error **err);

/**
 * Makes a runtime whose clock stands at `unix_seconds`: every verification of its policies happens then. For offline
 * verification and tests. `UPTLS_E_USAGE` for times before 1970. `*out` is owned by the caller: `uptls_runtime_free`.
 * `err` may be NULL.
 */
uptls_status uptls_runtime_new_at(int64_t unix_seconds,
                                  uptls_runtime **out,
                                  uptls_error **err);

/**
 * Frees a runtime; policies that were made with it go on. NULL is fine.
 */
void uptls_runtime_free(uptls_runtime *runtime);

/**
 * Loads a policy from the text of a native document (`apiVersion: uptls/v1`), YAML or JSON, with all files that it
 * names. `text` need not be NUL-terminated. `name` is the document's name in error messages. Relative `file:` entries
 * are relative to the folder `base`; NULL: to the working directory.
 *
 * `*out` is one reference, owned by the caller: `uptls_policy_unref`. Everything that is wrong with the policy is in
 * `uptls_error_json`. `err` may be NULL.
 */
uptls_status uptls_policy_from_document(const uptls_runtime *runtime,
                                        const uint8_t *text,
                                        size_t length,
                                        const char *name,
                                        const char *base,
                                        uptls_danger permission,
                                        uptls_policy **out,
                                        uptls_error **err);

/**
 * Loads a policy from the file at `path` (UTF-8), as `uptls_policy_from_document` does. Relative `file:` entries are
 * relative to its folder.
 *
 * `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
 */
uptls_status uptls_policy_from_file(const uptls_runtime *runtime,
                                    const char *path,
                                    uptls_danger permission,
                                    uptls_policy **out,
                                    uptls_error **err);

/**
 * Takes one more reference to a policy and returns it. NULL gives NULL.
 */
uptls_policy *uptls_policy_ref(const uptls_policy *policy);

/**
 * Gives one reference back; with the last one the policy is freed. NULL is fine.
 */
void uptls_policy_unref(uptls_policy *policy);

/**
 * Judges a certificate chain offline, at the clock of the policy's runtime, exactly as a live handshake would. `chain`
 * is PEM, leaf first; other blocks and text between them are passed over. `backend_host` counts where the policy's
 * server name is `auto`, and may be NULL.
 *
 * Returns `UPTLS_OK` if and only if the policy accepts the chain. `*report` is the whole report (schema
 * `uptls.report/v1`), whether it is accepted or not, and NULL only for `UPTLS_E_USAGE` and `UPTLS_E_PANIC`; it is
 * octet for octet what Rust, Python and the command give. It is owned by the caller: `uptls_string_free`. `err` may be
 * NULL.
 */
uptls_status uptls_policy_verify(const uptls_policy *policy,
                                 const uint8_t *chain,
                                 size_t length,
                                 const char *backend_host,
                                 char **report,
                                 uptls_error **err);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* UPTLS_H */
