/*
 * libuptls: policy in, verified upstream TLS out.
 *
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Generated from ffi/src: do not edit. `UPTLS_BLESS=1 cargo test -p uptls-ffi --test header` writes it again.
 *
 * Rules
 *   Status    0 is UPTLS_OK; 1 to 4 say what a connection needs or that its data ended; below 0 is failure. Every call
 *             that can fail returns one.
 *   Pointers  Every pointer is checked: NULL where it may not be is UPTLS_E_USAGE. Every `free` and `unref` takes NULL.
 *   Results   They come last, before `err`. The caller need not initialise them: each call sets them to NULL or 0 first, and
 *             to a value only on success (reports: also if the policy refuses the peer). No call takes an argument over,
 *             except uptls_stream_adopt_fd with UPTLS_FD_OWN a descriptor, on success.
 *   Errors    `err` may be NULL. Otherwise a call sets *err to NULL, and on failure to an error that the caller frees with
 *             uptls_error_free. There is no errno, and no last error.
 *   Texts     In: UTF-8, NUL-terminated; documents, certificates and data: pointer and length, where NULL with length 0
 *             is empty. The library copies them and keeps no pointer after the call. Out: UTF-8, NUL-terminated; `char *` is the
 *             caller's (uptls_string_free), `const char *` is not.
 *   Options   A structure of options begins with `struct_size`: set it to its sizeof, and the rest to 0 or to your values.
 *   State     No initialisation, nothing global, and no callbacks but those that the program gives (uptls_hook, uptls_sign). No threads but
 *             those that look up a name for uptls_stream_connect and uptls_connector_check, and one for each uptls_conn that waits for
 *             a signature (UPTLS_WANT_SIGN); they take no signals. The library installs nothing in the process: no signal handler,
 *             no errno, no SIGPIPE. For work that takes time there is a descriptor to poll and a call to make.
 *   Panics    The library catches them: UPTLS_E_PANIC, after a note on stderr. It never ends the process on purpose. A
 *             builder, manifest store, conn, stream or watch that panicked gives UPTLS_E_PANIC from then on; others are
 *             not touched. Like all Rust code the library aborts the process when memory is gone, and it has no allocator
 *             hook.
 *   Linking   -luptls; for libuptls.a on Linux also -lgcc_s -lutil -lrt -lpthread -lm -ldl.
 *
 * Threads
 *   uptls_runtime    any thread, several at once; freed once, when no call uses it
 *   uptls_policy     any thread, several at once; each thread that keeps it takes a reference
 *   uptls_connector  any thread, several at once; each thread that keeps it takes a reference
 *   uptls_evidence   any thread, several at once; each thread that keeps it takes a reference
 *   uptls_manifest_set
 *                    any thread, several at once; each thread that keeps it takes a reference
 *   uptls_dialer     any thread, several at once; freed once, when no call uses it
 *   uptls_error      any thread, several at once; freed once, when no thread uses it or its texts
 *   uptls_builder    any thread, one at a time
 *   uptls_manifest_store
 *                    any thread, one at a time
 *   uptls_conn       any thread, one at a time
 *   uptls_stream     any thread: one that reads and one that writes at once, from the end of the handshake on
 *   uptls_watch      any thread, one at a time
 *   One at a time: a second thread that calls at the same moment gets UPTLS_E_USAGE; calls without a status give what
 *   they give for NULL. The library cannot detect that one thread frees an object while another uses it.
 *   uptls_stream: the handshake counts as reading and writing; so does a first read or write that makes it. uptls_stream_cancel, fd,
 *   poll_events, pending, handshake_state, timeout_ms, evidence, report and expire answer whatever other threads do.
 *   pthread_cancel takes effect when the thread has left the library.
 *   Functions without a handle, and the texts that they return: any thread, several at once.
 *
 * fork
 *   Load before, attach after. A program can make runtimes, policies, builders, stores, connectors, evidence and errors before a
 *   fork, and use them in parent and children. From then on each process has its own copy: an update in one does not reach
 *   the others. Connections, streams and watches belong to the process that made them. In another process their calls give
 *   UPTLS_E_USAGE and send and read nothing, and freeing works. The library tells a process from its copies by memory that
 *   no child inherits (on Linux a page with MADV_WIPEONFORK), not by its number: also in another PID namespace, and past
 *   libc's fork. A thread or a child of vfork shares the memory and is the same process. Fork while no other thread is
 *   inside a call.
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
/* The ABI: that of the soname; uptls_abi_version() is that of the library. */
#define UPTLS_ABI_VERSION 1

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
#define UPTLS_CODE_CHAIN_PARSE 121
#define UPTLS_CODE_DOCUMENT_UNREADABLE 122

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
#define UPTLS_CODE_IDENTITY_SIGN_FAILED 211

/* 3xx connect */
#define UPTLS_CODE_DNS_FAILED 301
#define UPTLS_CODE_TCP_REFUSED 302
#define UPTLS_CODE_TCP_TIMEOUT 303
#define UPTLS_CODE_HANDSHAKE_TIMEOUT 304
#define UPTLS_CODE_PEER_CLOSED 305
#define UPTLS_CODE_PEER_RESET 306
#define UPTLS_CODE_PEER_NOT_TLS 307
#define UPTLS_CODE_TRUNCATED 308
#define UPTLS_CODE_CONNECTOR_SUPERSEDED 309
#define UPTLS_CODE_LOCAL_RESOURCES 310
#define UPTLS_CODE_CONNECTION_LOST 311

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
#define UPTLS_CODE_SPIFFE_TRUST_DOMAIN 605

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
 * Folders in folders are read too.
 */
#define UPTLS_MANIFESTS_RECURSIVE 1

/**
 * These are all objects of a cluster: a Service or a Gateway that is not among them does not exist.
 */
#define UPTLS_MANIFESTS_COMPLETE 2

/**
 * A ClusterTrustBundle may be a CA reference. The standard has it as experimental.
 */
#define UPTLS_MANIFESTS_CLUSTER_TRUST_BUNDLES 4

/**
 * A bit of the `flags` of `uptls_connect_options`: a signal whose handler was installed without SA_RESTART ends a call that
 * waits for the socket, with `UPTLS_E_CANCELLED`. The stream is as it was, and the program may call again. `uptls_stream_connect`
 * then closes its socket; it does not notice a signal before it has a connection. A signal that comes just before the wait
 * ends nothing: `uptls_stream_cancel`, called by the handler, has no such gap.
 */
#define UPTLS_CONNECT_INTERRUPTIBLE 1

/**
 * A bit of `uptls_conn_wants`: bytes from the peer are needed.
 */
#define UPTLS_WANTS_READ 1

/**
 * A bit of `uptls_conn_wants`: bytes for the peer wait to be drained.
 */
#define UPTLS_WANTS_WRITE 2

/**
 * A bit of `uptls_conn_wants`: a signature is needed, and nothing moves before it (`uptls_conn_signature_wanted`).
 */
#define UPTLS_WANTS_SIGNATURE 4

/**
 * The fields of a policy under construction. A program may call `uptls_builder_build` any number of times: the builder
 * stays as it is. Only documents can weaken verification.
 */
typedef struct uptls_builder uptls_builder;

/**
 * A TLS connection as bytes in, bytes out. After any error, drain once more: an alert for the peer may wait; and every
 * later call gives the same error.
 *
 * ```c
 * for (;;) {
 *   while (uptls_conn_wants(conn) & UPTLS_WANTS_WRITE) { uptls_conn_drain(conn, ...); send(...); }
 *   if (uptls_conn_handshake_state(conn) != UPTLS_HANDSHAKE_RUNNING) break;
 *   recv(...); uptls_conn_feed(conn, ...);
 * }
 * ```
 */
typedef struct uptls_conn uptls_conn;

/**
 * Makes verified connections by the current generation of one policy. Each connection takes one snapshot and keeps it: an
 * update never changes a connection that exists. Reference-counted.
 */
typedef struct uptls_connector uptls_connector;

/**
 * How `uptls_stream_connect` makes its socket: TCP or a Unix socket, then a tunnel through an HTTP proxy if there is one, then a
 * header of the PROXY protocol if there is one, then a hook if there is one, then TLS. It goes into the field `dialer` of `uptls_connect_options`.
 *
 * It is no identity: whatever it is, the same policy judges the peer for the same host under the same deadline. If it fails, the
 * library tries nothing without it. A way that is none of these is a socket of the program's own, for `uptls_stream_adopt_fd`.
 */
typedef struct uptls_dialer uptls_dialer;

/**
 * Why a call failed. It owns all texts that its accessors return.
 */
typedef struct uptls_error uptls_error;

/**
 * What was proven and negotiated for one connection. It never changes, and outlives its connection. Reference-counted. All
 * texts that its functions return are owned by it.
 */
typedef struct uptls_evidence uptls_evidence;

/**
 * The objects of some manifests, read and resolved once. It never changes: load the files again for a new one, and give each
 * connector its new policy with `uptls_manifest_set_publish`. Reference-counted.
 */
typedef struct uptls_manifest_set uptls_manifest_set;

/**
 * A policy with its material, checked and frozen. Reference-counted.
 */
typedef struct uptls_policy uptls_policy;

/**
 * The state that policies share: cryptography, the clock, equal material. A program needs one. Policies keep what they
 * need of it, so the program may free it before them.
 */
typedef struct uptls_runtime uptls_runtime;

/**
 * The objects of a cluster as an informer delivers them, and the policy of each backend. One thread gives it the objects and
 * publishes what has changed; any thread uses the connectors.
 */
typedef struct uptls_manifest_store uptls_manifest_store;

/**
 * A TLS connection over a socket. The library changes nothing on the socket: the caller decides whether it blocks, and
 * for how long (SO_RCVTIMEO, SO_SNDTIMEO). The library never raises SIGPIPE. Signals end no call unless the program wants it
 * (`UPTLS_CONNECT_INTERRUPTIBLE`); `uptls_stream_cancel` ends them from any thread. One thread may read while another writes. A
 * stream that had to wait on a socket that blocks has a second descriptor, for being cancelled.
 */
typedef struct uptls_stream uptls_stream;

/**
 * Keeps connectors in step with the files that their policies name. It starts no thread: the caller polls its descriptor
 * and calls `uptls_watch_dispatch`. A watch holds a reference to each of its connectors. It belongs to the process that
 * made it: after fork, each makes its own.
 */
typedef struct uptls_watch uptls_watch;

/**
 * The result of a call: `UPTLS_OK`, what a connection needs to continue (above 0), or a negative `UPTLS_E_...`:
 * `if (status < 0)` is the test for failure. The numbers are stable and coarse: the precise reason is
 * `uptls_error_code`. -12 is reserved.
 */
typedef int32_t uptls_status;

/**
 * Whether a policy may weaken verification (its `danger` section): `UPTLS_DANGER_FORBID` or `UPTLS_DANGER_ALLOW`.
 */
typedef int32_t uptls_danger;

/**
 * How the import reads a vendor's form that verifies less than it seems to: `UPTLS_STRICT` or `UPTLS_FAITHFUL`.
 */
typedef int32_t uptls_manifest_mode;

/**
 * A function of the program's that signs `length` bytes at `message`, which are not hashed yet, by the TLS signature scheme `scheme` (RFC
 * 8446 section 4.2.3: 0x0403 is ecdsa_secp256r1_sha256, 0x0804 rsa_pss_rsae_sha256). It writes at most `capacity` bytes to
 * `signature`, and to `*got` how many. ECDSA: the DER of ECDSA-Sig-Value. RSA-PSS: with a salt of the length of the hash. 0: it signed. Any
 * other value ends the handshake with `identity_sign_failed`, whose message has the number.
 *
 * It is called in the thread of the handshake, which waits for it, by several threads at once, and cannot be interrupted: bound what may
 * wait in it. It must return: no exception of C++ and no `longjmp` may leave it.
 */
typedef int (*uptls_sign)(void *context,
                          uint16_t scheme,
                          const uint8_t *message,
                          size_t length,
                          uint8_t *signature,
                          size_t capacity,
                          size_t *got);

/**
 * Which roots of the system the policy trusts: `UPTLS_SYSTEM_ROOTS_...`.
 */
typedef int32_t uptls_system_roots;

/**
 * The effect on new connections of files that have become invalid: `UPTLS_KEEP_LAST_GOOD` or `UPTLS_FAIL_CLOSED`.
 */
typedef int32_t uptls_on_invalid;

/**
 * The options of one connection that differ from its policy. None can weaken a check. Set all of it to 0 first and
 * `struct_size` to its size: `uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL}`. A NULL pointer selects the
 * defaults.
 */
typedef struct {
  /**
   * `sizeof(uptls_connect_options)`, by which the library knows which fields there are.
   */
  size_t struct_size;
  /**
   * The deadline of the whole connect, in milliseconds. 0: the policy's. Below 0: `UPTLS_E_USAGE`.
   */
  int64_t timeout_ms;
  /**
   * The application protocols to offer, some of the policy's, in this order: `h2,http/1.1`. NULL: all of the policy's.
   * An empty text: none.
   */
  const char *alpn;
  /**
   * How `uptls_stream_connect` makes its socket; NULL: by TCP. It stays the caller's, and the call keeps no pointer to it.
   * Calls that make no socket, or a socket of their own, refuse one (`UPTLS_E_USAGE`).
   */
  const uptls_dialer *dialer;
  /**
   * Bits `UPTLS_CONNECT_...`; 0: none.
   */
  uint64_t flags;
  /**
   * The network address that the bytes go to, `10.0.0.7:8443` or `[2001:db8::7]:8443`. It is never an identity: of the
   * sessions of one policy and one name, those of this address are resumed first. NULL: that of the stream's socket;
   * `uptls_conn_new` has none, and without one the pods behind a name are offered the tickets of each other.
   */
  const char *remote_address;
} uptls_connect_options;

/**
 * Whether a connector makes connections: `UPTLS_STATE_...`.
 */
typedef int32_t uptls_state;

/**
 * How manifests are read. Set all of it to 0 first and `struct_size` to its size:
 * `uptls_manifest_options options = {sizeof options, NULL, NULL, NULL, 0, 0, 0}`. NULL in its place: the defaults.
 */
typedef struct {
  /**
   * `sizeof(uptls_manifest_options)`, by which the library knows which fields there are.
   */
  size_t struct_size;
  /**
   * The Gateway that uses the backends, `[NAMESPACE/]NAME`; it must be among the objects. NULL: every Gateway.
   */
  const char *gateway;
  /**
   * The `controllerName` whose statuses the report has. NULL: none.
   */
  const char *controller_name;
  /**
   * The folder below which the proxy's files lie that vendors' objects name. NULL: such an object is not ready, because its
   * author means the disk of the proxy and not that of this process.
   */
  const char *files_root;
  /**
   * `UPTLS_STRICT` or `UPTLS_FAITHFUL`.
   */
  uptls_manifest_mode mode;
  /**
   * `UPTLS_DANGER_FORBID` or `UPTLS_DANGER_ALLOW`.
   */
  uptls_danger permission;
  /**
   * Any of `UPTLS_MANIFESTS_...`.
   */
  uint64_t flags;
} uptls_manifest_options;

/**
 * A function of the program's that `uptls_stream_connect` calls with the connected socket `fd` before TLS, in the thread of the call.
 * 0: the handshake begins. An errno, which is above 0, ends the connect: EPERM, ENOMEM and all that this side lacks as
 * `local_resources`, ECONNRESET and the like as `tcp_refused`. Any other value: `local_resources`.
 *
 * It must return: no exception of C++ and no `longjmp` may leave it. It must not close `fd`, nor read from it what belongs to TLS.
 */
typedef int (*uptls_hook)(void *context, int fd);

/**
 * Whether the peer got our own certificate: `UPTLS_IDENTITY_...`. For a resumed session: in the full handshake that it
 * descends from.
 */
typedef int32_t uptls_identity;

/**
 * A certificate of a connection: `UPTLS_CERTIFICATE_...`.
 */
typedef int32_t uptls_certificate;

/**
 * How far a handshake has come: `UPTLS_HANDSHAKE_...`.
 */
typedef int32_t uptls_handshake_state;

/**
 * Who owns a file descriptor: `UPTLS_FD_BORROW` or `UPTLS_FD_OWN`.
 */
typedef int32_t uptls_fd_ownership;

/**
 * Bytes of the caller's: where they begin, and how many. It has the layout of `struct iovec`.
 */
typedef struct {
  /**
   * NULL only if `length` is 0.
   */
  const void *data;
  /**
   * How many.
   */
  size_t length;
} uptls_bytes;

/**
 * How a watch learns of changes: `UPTLS_WATCH_...`.
 */
typedef int32_t uptls_watch_mode;

/**
 * It worked; for a verification: the peer is accepted.
 */
#define UPTLS_OK 0

/**
 * Nothing happened yet: bytes from the peer are needed first.
 */
#define UPTLS_WANT_READ 1

/**
 * Nothing happened yet: bytes for the peer must go out first.
 */
#define UPTLS_WANT_WRITE 2

/**
 * The peer ended its data properly, with close_notify: nothing is missing.
 */
#define UPTLS_CLOSED 3

/**
 * A `uptls_conn` needs a signature by the key of our own certificate, which is elsewhere: `uptls_conn_signature_wanted`.
 */
#define UPTLS_WANT_SIGN 4

/**
 * The policy, its trust, its identity or the backend host cannot be used (codes 1xx, 2xx).
 */
#define UPTLS_E_CONFIG -1

/**
 * The chain does not lead to a trusted certificate, or breaks a rule (4xx).
 */
#define UPTLS_E_UNTRUSTED -2

/**
 * The certificate is for another name (6xx).
 */
#define UPTLS_E_NAME -3

/**
 * A certificate has expired or is not valid yet.
 */
#define UPTLS_E_VALIDITY -4

/**
 * A certificate is revoked, or no list can tell whether it is (5xx).
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
 * The program called the library wrongly: NULL, text that is not UTF-8, a value that does not exist, the wrong order, two
 * threads in one connection.
 */
#define UPTLS_E_USAGE -11

/**
 * The library caught a panic: a bug of this library. A builder, connection, stream or watch that panicked answers
 * every later call with this status. The program can still free all objects of the call, and no other object is
 * touched.
 */
#define UPTLS_E_PANIC -13

/**
 * The library met a state that should be impossible: a bug of this library.
 */
#define UPTLS_E_INTERNAL -14

/**
 * The caller gave up.
 */
#define UPTLS_E_CANCELLED -15

/**
 * This side lacks descriptors, ports, memory, threads or a permission (`local_resources`). It says nothing of the peer: do
 * not eject it, and do not retry at once.
 */
#define UPTLS_E_LOCAL -16

/**
 * The library refuses a policy that weakens verification, with `danger_forbidden`. Pass this by default.
 */
#define UPTLS_DANGER_FORBID 0

/**
 * The library accepts such a policy, and every report warns about it: the author of the policy then decides whether
 * this program talks to an impostor.
 */
#define UPTLS_DANGER_ALLOW 1

/**
 * The library verifies everything, and each difference from the vendor is a warning of the report. Pass this by
 * default.
 */
#define UPTLS_STRICT 0

/**
 * The library reads the form as the vendor does. A check that the vendor leaves out is a weakening, which
 * `UPTLS_DANGER_ALLOW` must permit.
 */
#define UPTLS_FAITHFUL 1

/**
 * None.
 */
#define UPTLS_SYSTEM_ROOTS_NONE 0

/**
 * The platform's root files.
 */
#define UPTLS_SYSTEM_ROOTS_NATIVE 1

/**
 * The platform's own verifier.
 */
#define UPTLS_SYSTEM_ROOTS_PLATFORM 2

/**
 * The roots compiled into the library.
 */
#define UPTLS_SYSTEM_ROOTS_MOZILLA 3

/**
 * The last good generation stays: a broken file does not become an outage, but a revoked CA stays trusted until the file is
 * repaired.
 */
#define UPTLS_KEEP_LAST_GOOD 0

/**
 * New connections fail at once: the rule of the Gateway API.
 */
#define UPTLS_FAIL_CLOSED 1

/**
 * There is no connector: NULL was given.
 */
#define UPTLS_STATE_NONE 0

/**
 * It does, with the last update.
 */
#define UPTLS_STATE_READY 1

/**
 * It does, with the last good generation, because a later update was invalid.
 */
#define UPTLS_STATE_DEGRADED 2

/**
 * It does not, because the policy or its files cannot be used.
 */
#define UPTLS_STATE_NOT_READY 3

/**
 * It does not, because the policy was withdrawn or a file of it is gone.
 */
#define UPTLS_STATE_WITHDRAWN 4

/**
 * The peer did not ask for one.
 */
#define UPTLS_IDENTITY_NOT_REQUESTED 0

/**
 * The peer asked and got an empty answer: we have no certificate, or the peer accepts none of its signatures.
 */
#define UPTLS_IDENTITY_REQUESTED_NOT_SENT 1

/**
 * The peer asked, and we sent it.
 */
#define UPTLS_IDENTITY_SENT 2

/**
 * The peer's own.
 */
#define UPTLS_CERTIFICATE_LEAF 0

/**
 * The trusted one at which the verified path ends. There is none where the path is not known (`uptls_evidence_path_count`).
 */
#define UPTLS_CERTIFICATE_ANCHOR 1

/**
 * It goes on.
 */
#define UPTLS_HANDSHAKE_RUNNING 0

/**
 * The peer is verified: data can be read and written. It stays so after a later error.
 */
#define UPTLS_HANDSHAKE_DONE 1

/**
 * There will be no connection. Also for NULL.
 */
#define UPTLS_HANDSHAKE_FAILED 2

/**
 * The caller. It keeps the descriptor open as long as the stream lives, and closes it.
 */
#define UPTLS_FD_BORROW 0

/**
 * The stream: `uptls_stream_free` closes the descriptor. If `uptls_stream_adopt_fd` fails, the caller still owns it.
 */
#define UPTLS_FD_OWN 1

/**
 * There is no watch: NULL was given.
 */
#define UPTLS_WATCH_NONE 0

/**
 * By events, and by polling every 10 s in case one is lost.
 */
#define UPTLS_WATCH_EVENTS 1

/**
 * By polling alone, at least for some of its files: the system gives no events for them. Each dispatch that reads
 * files asks for events again.
 */
#define UPTLS_WATCH_POLLING 2

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
 * The version of the ABI, `UPTLS_ABI_VERSION` of the header: major << 8, and before 1.0, when each minor version has an ABI of
 * its own, the minor version. The soname has the same numbers. A program runs with every library of the same ABI that is not
 * older than its header.
 */
uint32_t uptls_abi_version(void);

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
 * The whole report (schema `uptls.report/v1`): every problem of a policy, every step of a verification. Byte for byte
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
 * Makes a runtime with a clock that stands at `unix_seconds`: every verification of its policies uses that time. For
 * offline verification and tests. `UPTLS_E_USAGE` for times before 1970. `*out` is owned by the caller:
 * `uptls_runtime_free`. `err` may be NULL.
 */
uptls_status uptls_runtime_new_at(int64_t unix_seconds,
                                  uptls_runtime **out,
                                  uptls_error **err);

/**
 * How many sessions the runtime holds for resumption, and the bytes that are charged for them, for metrics. `*count` and
 * `*bytes` are 0 first. `err` may be NULL.
 */
uptls_status uptls_runtime_held_sessions(const uptls_runtime *runtime,
                                         size_t *count,
                                         size_t *bytes,
                                         uptls_error **err);

/**
 * The counters of its connections and policies, and its sessions, in the text format of Prometheus (0.0.4): what an
 * endpoint /metrics answers as `text/plain; version=0.0.4`. `docs/observability.md` has each metric. `*text` is owned by
 * the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_runtime_metrics_text(const uptls_runtime *runtime,
                                        char **text,
                                        uptls_error **err);

/**
 * Keeps what happens to connections and policies from now on, until `uptls_runtime_next_observation` takes it: the last
 * `most`. 0, as at the beginning: nothing. `err` may be NULL.
 */
uptls_status uptls_runtime_observe(const uptls_runtime *runtime,
                                   size_t most,
                                   uptls_error **err);

/**
 * Takes the oldest observation that is kept: one JSON object on one line, whose `observation` is `handshake_started`,
 * `connection_opened`, `connection_failed`, `connection_abandoned`, `connection_closed`, `connection_condemned`,
 * `shadow_refused`, `generation_published`,
 * `update_refused`, `policy_recovered`, `policy_withdrawn`, `certificate_expiring` or `connector_changed`; more may come.
 * `*json` is NULL if none is kept, and else owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_runtime_next_observation(const uptls_runtime *runtime,
                                            char **json,
                                            uptls_error **err);

/**
 * How many observations were dropped because the program did not take them in time; 0 for NULL.
 */
uint64_t uptls_runtime_lost_observations(const uptls_runtime *runtime);

/**
 * Frees a runtime; policies that were made with it stay valid. NULL is fine.
 */
void uptls_runtime_free(uptls_runtime *runtime);

/**
 * Loads a policy from the text of a native document (`apiVersion: uptls/v1`), YAML or JSON, with all files that it
 * names. `text` need not be NUL-terminated. `name` is the document's name in error messages. Relative `file:` entries
 * are relative to the folder `base`; NULL: to the working directory.
 *
 * `*out` is one reference, owned by the caller: `uptls_policy_unref`. `uptls_error_json` holds every problem of the
 * policy. `err` may be NULL.
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
 * Verifies a certificate chain offline, at the time of the runtime's clock, exactly as a live handshake would. `chain`
 * is PEM, leaf first; other blocks and text between them are ignored. `backend_host` counts if the policy's server
 * name is `auto`, and may be NULL.
 *
 * Returns `UPTLS_OK` if and only if the policy accepts the chain. `*report` is the full report (schema
 * `uptls.report/v1`), for acceptance and refusal, and NULL only for `UPTLS_E_USAGE` and `UPTLS_E_PANIC`; it is byte
 * for byte what Rust, Python and the command give. It is owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_policy_verify(const uptls_policy *policy,
                                 const uint8_t *chain,
                                 size_t length,
                                 const char *backend_host,
                                 char **report,
                                 uptls_error **err);

/**
 * The name of the policy; NULL if it has none, and for NULL. Owned by the policy.
 */
const char *uptls_policy_name(const uptls_policy *policy);

/**
 * The digest of everything that decides a verdict or a handshake, `sha256:...`: equal for equal policies with equal
 * material. NULL for NULL. Owned by the policy.
 */
const char *uptls_policy_fingerprint(const uptls_policy *policy);

/**
 * What the policy trusts, sends and accepts (schema `uptls.description/v1`): byte for byte what the command gives. `*json`
 * is owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_policy_describe(const uptls_policy *policy,
                                   char **json,
                                   uptls_error **err);

/**
 * Loads the policy of a backend from manifests: `paths` are files, or folders with `*.yaml`, `*.yml` and `*.json`
 * files in them. `backend` is `[[KIND/]NAMESPACE/]NAME[:PORT]`. `gateway` is the Gateway that uses it,
 * `[NAMESPACE/]NAME`, needed if several Gateways have different policies; NULL: no Gateway in particular.
 *
 * It fails closed: `UPTLS_E_CONFIG` if a manifest cannot be read, or the policy that applies to the backend cannot be
 * used. `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
 */
uptls_status uptls_policy_from_manifests(const uptls_runtime *runtime,
                                         const char *const *paths,
                                         size_t count,
                                         const char *backend,
                                         const char *gateway,
                                         uptls_manifest_mode mode,
                                         uptls_danger permission,
                                         uptls_policy **out,
                                         uptls_error **err);

/**
 * Loads the policy of a backend from one text with any number of manifests in it, YAML or JSON, as
 * `uptls_policy_from_manifests` does. `name` is the text's name in errors. `err` may be NULL.
 */
uptls_status uptls_policy_from_manifest_text(const uptls_runtime *runtime,
                                             const uint8_t *text,
                                             size_t length,
                                             const char *name,
                                             const char *backend,
                                             const char *gateway,
                                             uptls_manifest_mode mode,
                                             uptls_danger permission,
                                             uptls_policy **out,
                                             uptls_error **err);

/**
 * Makes a connector for a backend from manifests, as the Gateway API demands. If `uptls_policy_from_manifests` would
 * fail with `UPTLS_E_CONFIG`, this call gives a connector that fails every connection with the reason, until an update
 * succeeds. `uptls_connector_state` tells which one it is. A later invalid update also stops it (`UPTLS_FAIL_CLOSED`).
 *
 * `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
 */
uptls_status uptls_connector_from_manifests(const uptls_runtime *runtime,
                                            const char *const *paths,
                                            size_t count,
                                            const char *backend,
                                            const char *gateway,
                                            uptls_manifest_mode mode,
                                            uptls_danger permission,
                                            uptls_connector **out,
                                            uptls_error **err);

/**
 * Makes a builder without any field: trust is missing yet. `*out` is owned by the caller: `uptls_builder_free`. `err` may
 * be NULL.
 */
uptls_status uptls_builder_new(uptls_builder **out,
                               uptls_error **err);

/**
 * Frees a builder, and zeroises the keys in it. Policies that it built stay valid. NULL is fine.
 */
void uptls_builder_free(uptls_builder *builder);

/**
 * Sets the name of the policy, for reports. Replaces an earlier one. `err` may be NULL.
 */
uptls_status uptls_builder_set_name(uptls_builder *builder, const char *name, uptls_error **err);

/**
 * Checks the fields, reads the files that they name, and makes a policy. The builder stays valid, and the caller's.
 *
 * `UPTLS_E_CONFIG` if the policy cannot be used; `uptls_error_json` then holds every problem, with the path that the
 * field has in a document (`spec.trust.bundles[0]`). `*out` is one reference, owned by the caller:
 * `uptls_policy_unref`. `err` may be NULL.
 */
uptls_status uptls_builder_build(const uptls_builder *builder,
                                 const uptls_runtime *runtime,
                                 uptls_policy **out,
                                 uptls_error **err);

/**
 * Sets our own certificate chain (leaf first) and its private key, for peers that ask for one: files, relative to the
 * working directory. `passphrase` is the file with the passphrase of an encrypted key, and may be NULL. The library
 * reads them as it reads the file of `uptls_builder_add_ca_file`. Replaces an earlier identity. `err` may be NULL.
 */
uptls_status uptls_builder_set_identity_files(uptls_builder *builder,
                                              const char *certificate,
                                              const char *key,
                                              const char *passphrase,
                                              uptls_error **err);

/**
 * Sets our own certificate chain (leaf first) and its private key, each PEM text, or DER: one certificate, and
 * PKCS#8, PKCS#1 or SEC1. `passphrase` decrypts an encrypted key;
 * NULL with length 0: the key is not encrypted. Replaces an earlier identity. The library zeroises its copies of key
 * and passphrase when the last object that needs them is freed; the caller clears its own. `err` may be NULL.
 */
uptls_status uptls_builder_set_identity_pem(uptls_builder *builder,
                                            const uint8_t *certificate,
                                            size_t certificate_length,
                                            const uint8_t *key,
                                            size_t key_length,
                                            const uint8_t *passphrase,
                                            size_t passphrase_length,
                                            uptls_error **err);

/**
 * Sets the server name (SNI) to send: a DNS name, `auto` (the backend host, the default) or `none`. Replaces an
 * earlier one. `err` may be NULL.
 */
uptls_status uptls_builder_set_server_name(uptls_builder *builder,
                                           const char *name,
                                           uptls_error **err);

/**
 * Adds a DNS name. The certificate must hold at least one of the added names, and the server name is then no longer
 * the identity. `err` may be NULL.
 */
uptls_status uptls_builder_add_san_dns(uptls_builder *builder,
                                       const char *name,
                                       uptls_error **err);

/**
 * Adds an IP address to the names; the certificate must hold at least one of them. `err` may be NULL.
 */
uptls_status uptls_builder_add_san_ip(uptls_builder *builder,
                                      const char *address,
                                      uptls_error **err);

/**
 * Adds a URI, compared byte for byte, to the names; the certificate must hold at least one of them. `err` may be NULL.
 */
uptls_status uptls_builder_add_san_uri(uptls_builder *builder,
                                       const char *uri,
                                       uptls_error **err);

/**
 * Adds every SPIFFE ID of a trust domain to the names; the certificate must hold at least one of them. `err` may be
 * NULL.
 */
uptls_status uptls_builder_add_san_spiffe_trust_domain(uptls_builder *builder,
                                                       const char *domain,
                                                       uptls_error **err);

/**
 * Adds the SPIFFE IDs of a trust domain with a path that begins with the whole segments of `path_prefix`: `/ns/pay`
 * also covers `/ns/pay/sa/api`, and never `/ns/payroll`. `err` may be NULL.
 */
uptls_status uptls_builder_add_san_spiffe_path_prefix(uptls_builder *builder,
                                                      const char *domain,
                                                      const char *path_prefix,
                                                      uptls_error **err);

/**
 * Adds the SHA-256 of a public key, base64. The leaf's key must be one of the added ones, and all other checks still
 * hold. `err` may be NULL.
 */
uptls_status uptls_builder_add_spki_pin(uptls_builder *builder,
                                        const char *sha256,
                                        uptls_error **err);

/**
 * Adds an application protocol to offer, `h2`, in order of preference. `err` may be NULL.
 */
uptls_status uptls_builder_add_alpn(uptls_builder *builder,
                                    const char *protocol,
                                    uptls_error **err);

/**
 * The same as bytes, for a name that a C string cannot hold; the names of a policy are UTF-8. `uptls_evidence_alpn_bytes` gives back what was
 * selected. `UPTLS_E_USAGE` for bytes that are not UTF-8. `err` may be NULL.
 */
uptls_status uptls_builder_add_alpn_bytes(uptls_builder *builder,
                                          const uint8_t *protocol,
                                          size_t length,
                                          uptls_error **err);

/**
 * Refuses a peer that selects none of the application protocols. `err` may be NULL.
 */
uptls_status uptls_builder_set_alpn_required(uptls_builder *builder, uptls_error **err);

/**
 * Sets the lowest TLS version, `1.2` (the default) or `1.3`. Replaces an earlier one. `err` may be NULL.
 */
uptls_status uptls_builder_set_min_version(uptls_builder *builder,
                                           const char *version,
                                           uptls_error **err);

/**
 * Sets the highest TLS version, `1.2` or `1.3` (the default). Replaces an earlier one. `err` may be NULL.
 */
uptls_status uptls_builder_set_max_version(uptls_builder *builder,
                                           const char *version,
                                           uptls_error **err);

/**
 * Adds a cipher suite by its IANA name, in order of preference. Without any, the library's defaults apply. `err` may
 * be NULL.
 */
uptls_status uptls_builder_add_cipher_suite(uptls_builder *builder,
                                            const char *name,
                                            uptls_error **err);

/**
 * Adds a key exchange group by its IANA name, in order of preference. Without any, the library's defaults apply. `err`
 * may be NULL.
 */
uptls_status uptls_builder_add_group(uptls_builder *builder,
                                     const char *name,
                                     uptls_error **err);

/**
 * Makes every handshake a full one: the library neither keeps nor resumes sessions. `err` may be NULL.
 */
uptls_status uptls_builder_disable_resumption(uptls_builder *builder,
                                              uptls_error **err);

/**
 * Sets the deadline of the whole connect: a number with a unit, `10s` (the default) or `500ms`. Replaces an earlier one.
 * `err` may be NULL.
 */
uptls_status uptls_builder_set_handshake_timeout(uptls_builder *builder,
                                                 const char *timeout,
                                                 uptls_error **err);

/**
 * Sets our own certificate chain (leaf first), PEM or DER, whose private key stays elsewhere: in a PKCS#11 token, a TPM, a KMS. Replaces an
 * earlier identity. The library verifies each signature by the certificate's key before it sends it, so a signer with another
 * key is `identity_sign_failed` in the first handshake that needs it.
 *
 * `sign` makes the signatures, with `context`, which must live as long as a policy, connector or connection with this identity. NULL: a
 * `uptls_conn` asks for them (`UPTLS_WANT_SIGN`, `uptls_conn_signature_wanted`), which suits a loop that must not wait; all other
 * ways to connect fail with `identity_sign_failed` if the peer wants the certificate. Two calls make two identities, even of one
 * certificate: their sessions are apart. `err` may be NULL.
 *
 * ```c
 * status = uptls_builder_set_identity_signer(builder, pem, length, sign_by_token, &session, &error);
 * ```
 */
uptls_status uptls_builder_set_identity_signer(uptls_builder *builder,
                                               const uint8_t *certificate,
                                               size_t certificate_length,
                                               uptls_sign sign,
                                               void *context,
                                               uptls_error **err);

/**
 * Adds a bundle of CA certificates, a PEM file; relative paths start from the working directory. `uptls_builder_build`
 * reads it, and `uptls_watch_dispatch` reads it again when it changes. `err` may be NULL.
 */
uptls_status uptls_builder_add_ca_file(uptls_builder *builder,
                                       const char *path,
                                       uptls_error **err);

/**
 * Adds a bundle of CA certificates that vouch for the SPIFFE IDs of `trust_domain` alone: a PEM file, as in
 * `uptls_builder_add_ca_file`. If the added names are of several trust domains, every bundle needs a trust domain.
 * `err` may be NULL.
 */
uptls_status uptls_builder_add_spiffe_ca_file(uptls_builder *builder,
                                              const char *path,
                                              const char *trust_domain,
                                              uptls_error **err);

/**
 * Adds a bundle of CA certificates that vouch for the SPIFFE IDs of `trust_domain` alone: PEM text, as in
 * `uptls_builder_add_ca_pem`. If the added names are of several trust domains, every bundle needs a trust domain.
 * `err` may be NULL.
 */
uptls_status uptls_builder_add_spiffe_ca_pem(uptls_builder *builder,
                                             const uint8_t *pem,
                                             size_t length,
                                             const char *name,
                                             const char *trust_domain,
                                             uptls_error **err);

/**
 * Sets the one SPIFFE trust domain that the system's roots vouch for. Without it they vouch for no SPIFFE ID:
 * otherwise any public CA could issue one. Replaces an earlier one. `err` may be NULL.
 */
uptls_status uptls_builder_set_system_trust_domain(uptls_builder *builder,
                                                   const char *trust_domain,
                                                   uptls_error **err);

/**
 * Adds a bundle of CA certificates: PEM text, or one certificate or PKCS#7 in DER. `name` is its name in errors and reports; NULL: `inline`. `err` may be
 * NULL.
 */
uptls_status uptls_builder_add_ca_pem(uptls_builder *builder,
                                      const uint8_t *pem,
                                      size_t length,
                                      const char *name,
                                      uptls_error **err);

/**
 * Sets which roots of the system the policy trusts; `UPTLS_SYSTEM_ROOTS_NONE` is the default. `err` may be NULL.
 */
uptls_status uptls_builder_set_system_roots(uptls_builder *builder,
                                            uptls_system_roots roots,
                                            uptls_error **err);

/**
 * Trusts a leaf as itself by the SHA-256 of its public key, base64. `err` may be NULL.
 */
uptls_status uptls_builder_add_pinned_key(uptls_builder *builder,
                                          const char *sha256,
                                          uptls_error **err);

/**
 * Trusts a leaf as itself by the SHA-256 of the certificate, hexadecimal. `err` may be NULL.
 */
uptls_status uptls_builder_add_pinned_certificate(uptls_builder *builder,
                                                  const char *sha256,
                                                  uptls_error **err);

/**
 * Adds a file of revocation lists, PEM or DER, and turns revocation on. The library reads it as it reads the file of
 * `uptls_builder_add_ca_file`. `err` may be NULL.
 */
uptls_status uptls_builder_add_crl_file(uptls_builder *builder,
                                        const char *path,
                                        uptls_error **err);

/**
 * Adds revocation lists, PEM text or one list in DER, and turns revocation on. `name` is its name in errors and reports; NULL: `inline`.
 * `err` may be NULL.
 */
uptls_status uptls_builder_add_crl_pem(uptls_builder *builder,
                                       const uint8_t *pem,
                                       size_t length,
                                       const char *name,
                                       uptls_error **err);

/**
 * Sets how to check revocation: `depth` is `chain` (every certificate; the default) or `leaf`; `unknown` is the
 * verdict on a certificate without a list, `deny` (the default) or `allow`. NULL leaves each as it is. With `allow`,
 * an attacker who blocks the delivery of a list can use a revoked certificate. `err` may be NULL.
 */
uptls_status uptls_builder_set_revocation(uptls_builder *builder,
                                          const char *depth,
                                          const char *unknown,
                                          uptls_error **err);

/**
 * Makes a connector with `policy` as its first generation. The call reads no file again. The policy stays the
 * caller's. `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
 */
uptls_status uptls_connector_new(const uptls_policy *policy,
                                 uptls_on_invalid on_invalid,
                                 uptls_connector **out,
                                 uptls_error **err);

/**
 * Takes one more reference to a connector and returns it. NULL gives NULL.
 */
uptls_connector *uptls_connector_ref(const uptls_connector *connector);

/**
 * Gives one reference back; with the last one the connector is freed. Connections that it made stay open. NULL is
 * fine.
 */
void uptls_connector_unref(uptls_connector *connector);

/**
 * Publishes `policy`, as it was loaded, for new connections. Equal content is no new generation. The update ends a
 * refusal, a withdrawal, and a stop by invalid files. A watch follows the files of the new policy from its next
 * dispatch on: dispatch at once. `UPTLS_E_USAGE` for a policy of another runtime than the connector's first. Both stay
 * the caller's. `*generation` is the number of the published generation; 0 first. `err` may be NULL.
 */
uptls_status uptls_connector_update(const uptls_connector *connector,
                                    const uptls_policy *policy,
                                    uint64_t *generation,
                                    uptls_error **err);

/**
 * Reports an update that the program could not even load: `reason` is the error of the call that should have given the
 * policy. It counts as an invalid update: the last good generation stays (`UPTLS_STATE_DEGRADED`), or with
 * `UPTLS_FAIL_CLOSED` new connections fail with the reason. A withdrawn policy stays withdrawn. Only a successful
 * update ends the refusal; no watch does. `UPTLS_E_USAGE` for an error that is not about a policy. `reason` stays the
 * caller's. `err` may be NULL.
 */
uptls_status uptls_connector_refuse(const uptls_connector *connector,
                                    const uptls_error *reason,
                                    uptls_error **err);

/**
 * Makes one connection to `host` on `port` as an application would, closes it, and reports every step, as the command
 * `uptls check` does. It sends no data. It blocks until the deadline of `options` at most. `host`, `connect_to` and `options` are as in `uptls_stream_connect`.
 *
 * Returns `UPTLS_OK` if and only if the policy accepts the peer. `*report` is the full report (schema
 * `uptls.report/v1`), for acceptance and refusal, and NULL only for `UPTLS_E_USAGE` and `UPTLS_E_PANIC`. It is owned
 * by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_connector_check(const uptls_connector *connector,
                                   const char *host,
                                   uint16_t port,
                                   const char *connect_to,
                                   const uptls_connect_options *options,
                                   char **report,
                                   uptls_error **err);

/**
 * Ends the policy: new connections fail at once with `policy_withdrawn`, and existing ones stay open. Only
 * `uptls_connector_update` publishes again. `err` may be NULL.
 */
uptls_status uptls_connector_withdraw(const uptls_connector *connector,
                                      uptls_error **err);

/**
 * The number of the current generation: 1 for the first, 0 before there was any and for NULL.
 */
uint64_t uptls_connector_generation(const uptls_connector *connector);

/**
 * Whether the connector makes connections, and if not, why. The error of a connection has the exact reason.
 */
uptls_state uptls_connector_state(const uptls_connector *connector);

/**
 * The policy that new connections use, with its material as the library last read it. `UPTLS_E_CONFIG` unless the
 * state is ready or degraded. `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
 */
uptls_status uptls_connector_policy(const uptls_connector *connector,
                                    uptls_policy **out,
                                    uptls_error **err);

/**
 * Whether a new connection would use the same policy and material as this one: 1, or 0. A pool drains connections that
 * are not current.
 */
int32_t uptls_connector_is_current(const uptls_connector *connector,
                                   const uptls_evidence *evidence);

/**
 * Takes the oldest event that is waiting, in JSON (schema `uptls.event/v1`): `kind` is `updated`, `recovered`,
 * `degraded`, `not_ready`, `withdrawn`, `expiring` or `expired`; `trust_reduced` says that the new policy may refuse a
 * peer that the earlier one accepted. `*json` is NULL if nothing happened since, and else owned by the caller:
 * `uptls_string_free`. `err` may be NULL.
 *
 * The connector keeps at most 32 events; see `uptls_connector_lost_events`.
 */
uptls_status uptls_connector_next_event(const uptls_connector *connector,
                                        char **json,
                                        uptls_error **err);

/**
 * How many events were lost since the connector was made, because the program did not take them in time; 0 for NULL.
 */
uint64_t uptls_connector_lost_events(const uptls_connector *connector);

/**
 * Makes events for certificates that come near their end, each mark once. `uptls_watch_dispatch` does it too: call
 * this now and then for policies without files. `err` may be NULL.
 */
uptls_status uptls_connector_check_expiry(const uptls_connector *connector,
                                          uptls_error **err);

/**
 * Writes the key log of each connection that begins from now on to the file `fd`, for example to decrypt a capture in Wireshark:
 * lines in the form of NSS, each by one write. Open the file with O_APPEND, readable by you alone. With -1 the log ends. The
 * descriptor stays the caller's, who may close it at once. A line that cannot be written is lost, and the connection goes on.
 *
 * Who has the lines can read these connections, also from a recording made before, and can forge what is sent on them. While it is
 * on, the report of each connection has the warning `keys_logged`. By default there is none, and nothing but this call turns it on: no
 * policy, no environment variable.
 *
 * `UPTLS_E_USAGE` for anything but a regular file: a pipe with a slow reader would hold up handshakes. `err` may be NULL.
 *
 * ```c
 * int fd = open("keys.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
 * status = uptls_connector_log_keys(connector, fd, &error);
 * close(fd);
 * ```
 */
uptls_status uptls_connector_log_keys(const uptls_connector *connector,
                                      int fd,
                                      uptls_error **err);

/**
 * Whether connections that begin now have a key log: 1, or 0; 0 for NULL.
 */
int32_t uptls_connector_logs_keys(const uptls_connector *connector);

/**
 * Reads manifests once, for many backends: `paths` are files, or folders with `*.yaml`, `*.yml` and `*.json` files in them.
 *
 * `UPTLS_E_CONFIG` if a path cannot be read, or the Gateway of `options` is not among the objects. What else is wrong is the
 * error of `uptls_manifest_set_policy` for the backends that it concerns, and stands in the report.
 * `*out` is one reference, owned by the caller: `uptls_manifest_set_unref`. `err` may be NULL.
 */
uptls_status uptls_manifest_set_load(const uptls_runtime *runtime,
                                     const char *const *paths,
                                     size_t count,
                                     const uptls_manifest_options *options,
                                     uptls_manifest_set **out,
                                     uptls_error **err);

/**
 * Reads one text with any number of manifests in it, YAML or JSON, as `uptls_manifest_set_load` does. `name` is what errors
 * call the text. `err` may be NULL.
 */
uptls_status uptls_manifest_set_parse(const uptls_runtime *runtime,
                                      const uint8_t *text,
                                      size_t length,
                                      const char *name,
                                      const uptls_manifest_options *options,
                                      uptls_manifest_set **out,
                                      uptls_error **err);

/**
 * Takes one more reference to a set and returns it. NULL gives NULL.
 */
uptls_manifest_set *uptls_manifest_set_ref(const uptls_manifest_set *set);

/**
 * Gives one reference back; with the last one the set is freed. Its policies and connectors stay. NULL is fine.
 */
void uptls_manifest_set_unref(uptls_manifest_set *set);

/**
 * How many policies there are, usable or not: one for each backend, port and Gateway among which they differ. 0 for NULL.
 */
size_t uptls_manifest_set_count(const uptls_manifest_set *set);

/**
 * The backend of a policy, as `uptls_manifest_set_policy` takes it: `Service/shop/pay:443`. NULL for an `index` that is not
 * below `uptls_manifest_set_count`, and for NULL. Owned by the set.
 */
const char *uptls_manifest_set_backend(const uptls_manifest_set *set,
                                       size_t index);

/**
 * The Gateway of a policy, as `uptls_manifest_set_policy` takes it: `edge/public`. NULL if the policy is that of every Gateway,
 * and as `uptls_manifest_set_backend` does. Owned by the set.
 */
const char *uptls_manifest_set_gateway(const uptls_manifest_set *set,
                                       size_t index);

/**
 * The policy of a backend, `[[KIND/]NAMESPACE/]NAME[:PORT]`. `gateway` is the Gateway that uses it, `[NAMESPACE/]NAME`, needed
 * where the answer differs by it; NULL: none is meant. It takes a look-up, however many backends there are.
 *
 * It fails closed: `UPTLS_E_CONFIG` if there is none, or it cannot be used.
 * `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
 */
uptls_status uptls_manifest_set_policy(const uptls_manifest_set *set,
                                       const char *backend,
                                       const char *gateway,
                                       uptls_policy **out,
                                       uptls_error **err);

/**
 * Makes a connector for a backend, as the Gateway API wants it: where `uptls_manifest_set_policy` fails with
 * `UPTLS_E_CONFIG`, this one gives a connector whose connections all fail with the reason, until an update succeeds.
 *
 * `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
 */
uptls_status uptls_manifest_set_connector(const uptls_manifest_set *set,
                                          const char *backend,
                                          const char *gateway,
                                          uptls_connector **out,
                                          uptls_error **err);

/**
 * Gives a connector of an earlier set the policy that the backend has in this one. Where there is none that can be used, each
 * new connection of it fails with the reason, which is also the error of this call (`UPTLS_E_CONFIG`): an object that was
 * deleted must not go on deciding who is trusted. `UPTLS_E_USAGE` if the connector is of another runtime.
 * `*generation` is the number of what is published now; 0 first. `err` may be NULL.
 */
uptls_status uptls_manifest_set_publish(const uptls_manifest_set *set,
                                        const uptls_connector *connector,
                                        const char *backend,
                                        const char *gateway,
                                        uint64_t *generation,
                                        uptls_error **err);

/**
 * What the objects come to, byte for byte what `uptls import --json` prints (schema `uptls.import/v1`): each backend, where each
 * field of its policy is written, what is wrong, and with a `controller_name` the status of each object. Every policy is
 * prepared for it. `*json` is owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_manifest_set_report(const uptls_manifest_set *set,
                                       char **json,
                                       uptls_error **err);

/**
 * Makes a store without objects. `options` are those of `uptls_manifest_set_load`, and NULL the defaults;
 * `UPTLS_MANIFESTS_RECURSIVE` means nothing here. If they name a Gateway, every connection fails until that Gateway has been
 * given. With `UPTLS_MANIFESTS_COMPLETE` give all objects before you call `uptls_manifest_store_resolve_changed`.
 *
 * `*out` is owned by the caller: `uptls_manifest_store_free`. `err` may be NULL.
 */
uptls_status uptls_manifest_store_new(const uptls_runtime *runtime,
                                      const uptls_manifest_options *options,
                                      uptls_manifest_store **out,
                                      uptls_error **err);

/**
 * Frees a store. Its policies and connectors stay. NULL is fine.
 */
void uptls_manifest_store_free(uptls_manifest_store *store);

/**
 * Adds an object, or replaces the one of its kind, namespace and name. `object` is the JSON of one object, not of a list.
 *
 * `UPTLS_E_CONFIG` if it is not certain which object it is; nothing has changed then. What else is wrong with it, its size
 * included, is the error of `uptls_manifest_store_policy` for the backends that it may concern: connections to them fail.
 * Nothing counts before the next `uptls_manifest_store_resolve_changed`. `err` may be NULL.
 */
uptls_status uptls_manifest_store_upsert(uptls_manifest_store *store,
                                         const uint8_t *object,
                                         size_t length,
                                         uptls_error **err);

/**
 * Removes an object, if it is there. `object` is the JSON of it, as the API server sends it last; only `apiVersion`, `kind` and
 * the name and namespace of its `metadata` count. Errors as with `uptls_manifest_store_upsert`. `err` may be NULL.
 */
uptls_status uptls_manifest_store_remove(uptls_manifest_store *store,
                                         const uint8_t *object,
                                         size_t length,
                                         uptls_error **err);

/**
 * Makes the policies anew that the changes since the last call may concern. `*count` is how many policies may be others than
 * before, are new, or are gone: publish each to its connector. One change costs what it touches; the first call resolves
 * everything, and tells every policy. `err` may be NULL.
 */
uptls_status uptls_manifest_store_resolve_changed(uptls_manifest_store *store,
                                                  size_t *count,
                                                  uptls_error **err);

/**
 * The backend of a policy that the last `uptls_manifest_store_resolve_changed` told: `Service/shop/pay:443`. NULL for an `index`
 * that is not below its `count`, and for NULL. Owned by the store, until that call is made again.
 */
const char *uptls_manifest_store_changed_backend(const uptls_manifest_store *store,
                                                 size_t index);

/**
 * The Gateway of that policy: `edge/public`. NULL if no Gateway is known to use the backend, and as
 * `uptls_manifest_store_changed_backend` does. Owned by the store, until `uptls_manifest_store_resolve_changed` is called again.
 */
const char *uptls_manifest_store_changed_gateway(const uptls_manifest_store *store,
                                                 size_t index);

/**
 * The policy of a backend as of the last `uptls_manifest_store_resolve_changed`, with the arguments and errors of
 * `uptls_manifest_set_policy`. `gateway` is one that uses the backend, or the one of the options.
 *
 * `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
 */
uptls_status uptls_manifest_store_policy(const uptls_manifest_store *store,
                                         const char *backend,
                                         const char *gateway,
                                         uptls_policy **out,
                                         uptls_error **err);

/**
 * Makes a connector for a backend as `uptls_manifest_set_connector` does: without a policy that can be used, all its
 * connections fail with the reason, until `uptls_manifest_store_publish` gives it one.
 *
 * `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
 */
uptls_status uptls_manifest_store_connector(const uptls_manifest_store *store,
                                            const char *backend,
                                            const char *gateway,
                                            uptls_connector **out,
                                            uptls_error **err);

/**
 * Gives a connector the policy that the backend has now, as `uptls_manifest_set_publish` does: without one that can be used,
 * each new connection of it fails with the reason, which is also the error of this call (`UPTLS_E_CONFIG`).
 * `*generation` is the number of what is published now; 0 first. `err` may be NULL.
 */
uptls_status uptls_manifest_store_publish(const uptls_manifest_store *store,
                                          const uptls_connector *connector,
                                          const char *backend,
                                          const char *gateway,
                                          uint64_t *generation,
                                          uptls_error **err);

/**
 * What the objects come to, in the form of `uptls_manifest_set_report` (schema `uptls.import/v1`), without lines: with a
 * `controller_name` also the status of each object. It costs all objects, whatever has changed.
 * `*json` is owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_manifest_store_report(const uptls_manifest_store *store,
                                         char **json,
                                         uptls_error **err);

/**
 * Makes a dialer for TCP. `sources` are addresses of this host to connect from, one for each family at most:
 * `192.0.2.7,2001:db8::7`; NULL: the system chooses. Once one family has a source, addresses of the other fail with
 * `local_resources`, and so does a source that this host does not have. `mark` (SO_MARK) marks the packets for rules of routing and
 * firewalls; 0: none. A process without CAP_NET_ADMIN or CAP_NET_RAW fails with `local_resources`.
 *
 * `*out` is owned by the caller: `uptls_dialer_free`. `err` may be NULL.
 */
uptls_status uptls_dialer_new_tcp(const char *sources,
                                  uint32_t mark,
                                  uptls_dialer **out,
                                  uptls_error **err);

/**
 * Makes a dialer for the Unix socket at `path`, wherever the connection goes: a sidecar's, for example. `host` and `port` of the
 * connect are not dialled then; `host` is still the backend host that the policy judges.
 *
 * `*out` is owned by the caller: `uptls_dialer_free`. `err` may be NULL.
 */
uptls_status uptls_dialer_new_unix(const char *path,
                                   uptls_dialer **out,
                                   uptls_error **err);

/**
 * Frees a dialer. Streams that were made by it stay open. NULL is fine.
 */
void uptls_dialer_free(uptls_dialer *dialer);

/**
 * Connects to the HTTP proxy at `host` and `port`, and asks it for a tunnel (CONNECT); TLS with the backend begins in it. The
 * proxy resolves the name that is connected to. `authorization` is the value of `Proxy-Authorization`, such as
 * `Basic dXNlcjpwYXNzd29yZA==`, or NULL: without TLS every host on the way to the proxy can read it. `UPTLS_E_USAGE` for a value
 * that is not 1 to 4096 bytes of visible ASCII. Replaces an earlier proxy.
 *
 * A whole answer of 2xx, of 8 KiB and 64 fields at most, with nothing behind it, is a tunnel. Any other is `tcp_refused`.
 * `err` may be NULL.
 */
uptls_status uptls_dialer_set_http_proxy(uptls_dialer *dialer,
                                         const char *host,
                                         uint16_t port,
                                         const char *authorization,
                                         uptls_error **err);

/**
 * Sends a header of the PROXY protocol, version 2, before TLS: for a client at the IP address `source`, which connected to
 * `destination`; NULL for both: a connection of this program's own (LOCAL). The backend must expect it. Replaces an earlier one.
 *
 * Never reuse a connection of one client for another: no pool key knows of the header. `err` may be NULL.
 */
uptls_status uptls_dialer_set_proxy_header(uptls_dialer *dialer,
                                           const char *source,
                                           uint16_t source_port,
                                           const char *destination,
                                           uint16_t destination_port,
                                           uptls_error **err);

/**
 * Calls `hook` with `context` and the connected socket before the ClientHello, last of all: to set options of the socket, or to send what
 * the backend expects before TLS. If it fails, there is no handshake, and the library sends nothing. It is the only callback besides the
 * signer of an identity.
 *
 * The deadline does not interrupt the hook, and is looked at when it returns: bound what may wait in it. The socket blocks, and does so
 * again afterwards. Several threads may be in the hook at once. `context` must live until the dialer is freed and no connect uses it. For
 * what must be set before the socket connects there is `uptls_dialer_new_tcp`. Replaces an earlier hook. `err` may be NULL.
 *
 * ```c
 * static int set_priority(void *context, int fd) {
 *   return setsockopt(fd, SOL_SOCKET, SO_PRIORITY, context, sizeof(int)) == 0 ? 0 : errno;
 * }
 * ```
 */
uptls_status uptls_dialer_set_hook(uptls_dialer *dialer,
                                   uptls_hook hook,
                                   void *context,
                                   uptls_error **err);

/**
 * Takes one more reference and returns it. NULL gives NULL.
 */
uptls_evidence *uptls_evidence_ref(const uptls_evidence *evidence);

/**
 * Gives one reference back; with the last one it is freed. NULL is fine.
 */
void uptls_evidence_unref(uptls_evidence *evidence);

/**
 * The TLS version, `1.3`. NULL for NULL.
 */
const char *uptls_evidence_version(const uptls_evidence *evidence);

/**
 * The IANA name of the cipher suite. NULL for NULL.
 */
const char *uptls_evidence_cipher_suite(const uptls_evidence *evidence);

/**
 * The IANA name of the key exchange group; NULL for a resumed TLS 1.2 session, which has no exchange, and for NULL.
 */
const char *uptls_evidence_group(const uptls_evidence *evidence);

/**
 * The application protocol; NULL if none was selected, and for NULL.
 */
const char *uptls_evidence_alpn(const uptls_evidence *evidence);

/**
 * The application protocol as the bytes that the peer selected, which may hold a NUL. `*protocol` is NULL and `*length` 0 if none was
 * selected. The evidence owns `*protocol`. `err` may be NULL.
 */
uptls_status uptls_evidence_alpn_bytes(const uptls_evidence *evidence,
                                       const uint8_t **protocol,
                                       size_t *length,
                                       uptls_error **err);

/**
 * The server name (SNI) that was sent; NULL if none was, and for NULL.
 */
const char *uptls_evidence_server_name(const uptls_evidence *evidence);

/**
 * The wanted name that the certificate holds, `dns:payments.internal`; NULL if the policy verifies no names
 * (`danger`), and for NULL.
 */
const char *uptls_evidence_matched_name(const uptls_evidence *evidence);

/**
 * The fingerprint of the policy that verified the peer, `sha256:...`. NULL for NULL.
 */
const char *uptls_evidence_fingerprint(const uptls_evidence *evidence);

/**
 * Which generation of the connector it was; 0 for NULL.
 */
uint64_t uptls_evidence_generation(const uptls_evidence *evidence);

/**
 * Whether a session was resumed: 1, or 0.
 */
int32_t uptls_evidence_resumed(const uptls_evidence *evidence);

/**
 * Whether the peer got our own certificate; `UPTLS_IDENTITY_NOT_REQUESTED` for NULL.
 */
uptls_identity uptls_evidence_identity(const uptls_evidence *evidence);

/**
 * Whether the policy has a client certificate that was not sent: 1, or 0. The peer then does not know who connected.
 */
int32_t uptls_evidence_identity_unused(const uptls_evidence *evidence);

/**
 * Until when the proof holds, unix seconds: the earliest end among the certificates of the path and the revocation lists.
 * 0 for NULL.
 */
int64_t uptls_evidence_trusted_until(const uptls_evidence *evidence);

/**
 * How many certificates the peer presented; 0 for NULL.
 */
size_t uptls_evidence_certificate_count(const uptls_evidence *evidence);

/**
 * A certificate as the peer presented it: DER, the leaf at index 0. `UPTLS_E_USAGE` from
 * `uptls_evidence_certificate_count` on. The evidence owns `*der`. `*der` is NULL and `*length` 0 first. `err` may be
 * NULL.
 */
uptls_status uptls_evidence_certificate_der(const uptls_evidence *evidence,
                                            size_t index,
                                            const uint8_t **der,
                                            size_t *length,
                                            uptls_error **err);

/**
 * The subject of a certificate, `CN=payments.internal`, escaped and bounded: for logs. NULL without one, and for NULL.
 */
const char *uptls_evidence_subject(const uptls_evidence *evidence,
                                   uptls_certificate which);

/**
 * The issuer of a certificate, as `uptls_evidence_subject`. NULL without one, and for NULL.
 */
const char *uptls_evidence_issuer(const uptls_evidence *evidence, uptls_certificate which);

/**
 * The serial number of a certificate: lower-case hexadecimal, two digits for each byte. NULL without one, and for NULL.
 */
const char *uptls_evidence_serial(const uptls_evidence *evidence,
                                  uptls_certificate which);

/**
 * The fingerprint of a certificate, `sha256:...`. NULL without one, and for NULL.
 */
const char *uptls_evidence_sha256(const uptls_evidence *evidence, uptls_certificate which);

/**
 * Since when a certificate is valid, unix seconds; 0 without one, and for NULL.
 */
int64_t uptls_evidence_not_before(const uptls_evidence *evidence, uptls_certificate which);

/**
 * Until when a certificate is valid, unix seconds; 0 without one, and for NULL.
 */
int64_t uptls_evidence_not_after(const uptls_evidence *evidence, uptls_certificate which);

/**
 * How many certificates the verified path has, the leaf and the trusted one included. 0 where the path is not known whole: names
 * or chains are not verified (`danger`), the platform verified it, or it ends at a compiled-in root, which has no certificate; and
 * for NULL.
 */
size_t uptls_evidence_path_count(const uptls_evidence *evidence);

/**
 * A certificate of the path that the verdict rests on: DER, the leaf at index 0, the trusted one last. What the peer sent beside it is
 * not in it. `UPTLS_E_USAGE` from `uptls_evidence_path_count` on. The evidence owns `*der`. `*der` is NULL and `*length` 0
 * first. `err` may be NULL.
 */
uptls_status uptls_evidence_path_der(const uptls_evidence *evidence,
                                     size_t index,
                                     const uint8_t **der,
                                     size_t *length,
                                     uptls_error **err);

/**
 * Begins a connection to `host`, the backend host: a DNS name or an IP address, the identity of the peer if the policy
 * names none. This library does not care where the bytes really go. `options` may be NULL. The deadline starts now.
 *
 * `UPTLS_E_CONFIG` while the connector makes no connections. `*out` is owned by the caller: `uptls_conn_free`. `err` may be
 * NULL.
 */
uptls_status uptls_conn_new(const uptls_connector *connector,
                            const char *host,
                            const uptls_connect_options *options,
                            uptls_conn **out,
                            uptls_error **err);

/**
 * Frees a connection. It sends nothing: end data with `uptls_conn_close_notify` first. NULL is fine.
 */
void uptls_conn_free(uptls_conn *conn);

/**
 * Takes bytes from the peer. `*used` is how many it took, 0 first: fewer than `length` only while decrypted data
 * waits. Read that data, and feed the rest again. `UPTLS_WANT_SIGN`: the handshake stands until `uptls_conn_give_signature`, and
 * takes nothing before. `err` may be NULL.
 */
uptls_status uptls_conn_feed(uptls_conn *conn,
                             const void *tls,
                             size_t length,
                             size_t *used,
                             uptls_error **err);

/**
 * Tells that the peer closed the transport: `recv` gave 0. During the handshake that is a failure (`peer_closed`); later,
 * reading ends with `UPTLS_E_TRUNCATED`, unless a close_notify came before. `err` may be NULL.
 */
uptls_status uptls_conn_feed_eof(uptls_conn *conn,
                                 uptls_error **err);

/**
 * Tells that the transport failed with the `errno` `os_error`: a reset, a broken pipe; not a passing error such as
 * EAGAIN or EINTR. If writing failed, first feed the bytes that can still be read (not their end): they may be the
 * peer's reason. Gives the failure that ends the connection, never `UPTLS_OK`: `local_resources` for EMFILE, ENOMEM
 * and every other shortage of this side; `tcp_refused` and `tcp_timeout`, as in dialling, while nothing was received,
 * since the socket may still have been connecting; later `connection_lost`; for a reset `peer_reset`. `err` may be
 * NULL.
 */
uptls_status uptls_conn_feed_error(uptls_conn *conn,
                                   int32_t os_error,
                                   uptls_error **err);

/**
 * Moves bytes for the peer to `tls`, at most `capacity` and at most 64 KiB at once. `*got` is how many, 0 first: if it
 * is 0 although there was room, none are left. Works after an error, too. `err` may be NULL.
 */
uptls_status uptls_conn_drain(uptls_conn *conn,
                              void *tls,
                              size_t capacity,
                              size_t *got,
                              uptls_error **err);

/**
 * Moves decrypted data to `data`, at most `capacity` bytes. `*got` is how many, 0 first.
 *
 * `UPTLS_OK`: there was data, or no room. `UPTLS_WANT_READ`: feed more; during the handshake also `UPTLS_WANT_WRITE`: drain
 * first. `UPTLS_CLOSED`: the peer ended its data properly. `UPTLS_E_TRUNCATED`: the end came without close_notify, and what
 * was read may be incomplete. `err` may be NULL.
 */
uptls_status uptls_conn_read(uptls_conn *conn,
                             void *data,
                             size_t capacity,
                             size_t *got,
                             uptls_error **err);

/**
 * Encrypts data for the peer; drain afterwards. `*used` is how much it took, 0 first.
 *
 * `UPTLS_OK`: it took some or all. `UPTLS_WANT_WRITE`: it took nothing, since about 64 KiB wait: drain first. During
 * the handshake also `UPTLS_WANT_READ`: feed first. `UPTLS_E_USAGE` after `uptls_conn_close_notify`. `err` may be
 * NULL.
 */
uptls_status uptls_conn_write(uptls_conn *conn,
                              const void *data,
                              size_t length,
                              size_t *used,
                              uptls_error **err);

/**
 * Ends our data properly; drain afterwards. Reading continues. `UPTLS_E_USAGE` before the handshake is done. `err` may
 * be NULL.
 */
uptls_status uptls_conn_close_notify(uptls_conn *conn,
                                     uptls_error **err);

/**
 * What the connection needs: bits `UPTLS_WANTS_READ` and `UPTLS_WANTS_WRITE`, or `UPTLS_WANTS_SIGNATURE` alone. 0 for NULL, and if every other call
 * would fail.
 */
uint32_t uptls_conn_wants(const uptls_conn *conn);

/**
 * Whether `uptls_conn_read` has something without more bytes from the peer, data, the end or an error: 1, or 0.
 */
int32_t uptls_conn_pending(const uptls_conn *conn);

/**
 * How far the handshake has come.
 */
uptls_handshake_state uptls_conn_handshake_state(const uptls_conn *conn);

/**
 * How many milliseconds the handshake may still take; 0: call `uptls_conn_expire`. -1: there is no deadline, since the
 * handshake is over, and for NULL.
 */
int64_t uptls_conn_timeout_ms(const uptls_conn *conn);

/**
 * Ends a handshake whose deadline has passed, with `UPTLS_E_TIMEOUT`; drain afterwards. `UPTLS_OK`, and no effect, if
 * it has not passed, and after the handshake. After a failed handshake: its error. `err` may be NULL.
 */
uptls_status uptls_conn_expire(uptls_conn *conn,
                               uptls_error **err);

/**
 * What was proven and negotiated. `UPTLS_E_USAGE` before the handshake is done; its error after it failed. `*out` is one
 * reference, owned by the caller: `uptls_evidence_unref`. `err` may be NULL.
 */
uptls_status uptls_conn_evidence(const uptls_conn *conn,
                                 uptls_evidence **out,
                                 uptls_error **err);

/**
 * The report of the verification (schema `uptls.report/v1`): every step, once the handshake is done or failed.
 * `UPTLS_E_USAGE` before. `*report` is owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_conn_report(const uptls_conn *conn,
                               char **report,
                               uptls_error **err);

/**
 * Fills `material` with `length` bytes of keying material that both ends of this connection derive, and no others (RFC 5705): for
 * `label`, which the protocol that uses it names, and `context`, which may be empty. It is a secret. TLS 1.3 alone: of TLS 1.2
 * the library cannot tell whether a peer in the middle could have given two connections the same material.
 *
 * `UPTLS_E_USAGE` for TLS 1.2, before the handshake is done, for a length of 0 or above 8160, and for a label that is empty or longer
 * than 249 bytes; after a failed handshake its error. Then `material` is zeros or as it was. `err` may be NULL.
 */
uptls_status uptls_conn_export(const uptls_conn *conn,
                               const char *label,
                               const void *context,
                               size_t context_length,
                               void *material,
                               size_t length,
                               uptls_error **err);

/**
 * The channel binding `tls-exporter` (RFC 9266) for SCRAM-PLUS and the like: 32 bytes to `binding`, whose `capacity` must be 32 or
 * more. `*got` is 32, or 0 first. Errors are those of `uptls_conn_export`. `err` may be NULL.
 */
uptls_status uptls_conn_channel_binding(const uptls_conn *conn,
                                        void *binding,
                                        size_t capacity,
                                        size_t *got,
                                        uptls_error **err);

/**
 * What is to be signed while `uptls_conn_wants` has `UPTLS_WANTS_SIGNATURE`: `*length` bytes at `*message`, which are not hashed yet, by
 * the TLS signature scheme `*scheme`, as `uptls_sign` says. The conn owns `*message`, until `uptls_conn_give_signature` or the end of the
 * handshake. `UPTLS_E_USAGE` if no signature is wanted. `err` may be NULL.
 *
 * ```c
 * if (uptls_conn_wants(conn) & UPTLS_WANTS_SIGNATURE) {
 *   uptls_conn_signature_wanted(conn, &scheme, &message, &length, &error);
 *   submit(scheme, message, length); // and go on with other work; later:
 *   uptls_conn_give_signature(conn, signature, signature_length, &error);
 * }
 * ```
 */
uptls_status uptls_conn_signature_wanted(uptls_conn *conn,
                                         uint16_t *scheme,
                                         const uint8_t **message,
                                         size_t *length,
                                         uptls_error **err);

/**
 * Gives the signature that was asked for, and goes on with the handshake: drain and feed as before. NULL with length 0: there is none, and the
 * handshake ends with `identity_sign_failed`, as for a signature that the certificate's key did not make. `UPTLS_E_USAGE` if no
 * signature is wanted. `err` may be NULL.
 */
uptls_status uptls_conn_give_signature(uptls_conn *conn,
                                       const uint8_t *signature,
                                       size_t length,
                                       uptls_error **err);

/**
 * Connects to `host` on `port` and makes the handshake, blocking, within one deadline: over TCP, or over the socket that the
 * `dialer` of `options` makes. `host` is the backend
 * host: the identity of the peer if the policy names none. `connect_to` is the address for the socket instead of
 * `host`, a name or an IP address, and may be NULL. `options` may be NULL.
 *
 * The deadline bounds all of it. The system's resolver cannot be ended, so a name costs a thread of the library while it is looked
 * up, also if the deadline comes first: one for each name, 16 at most in a process. An IP address as text costs none. It races
 * several addresses (RFC 8305), so one that does not answer costs 250 ms. The socket blocks, and the stream closes it. `*out` is owned by the caller: `uptls_stream_free`. `err` may be NULL.
 */
uptls_status uptls_stream_connect(const uptls_connector *connector,
                                  const char *host,
                                  uint16_t port,
                                  const char *connect_to,
                                  const uptls_connect_options *options,
                                  uptls_stream **out,
                                  uptls_error **err);

/**
 * Makes a stream over `fd`, a stream socket of any family that is connected, or does not block and is still
 * connecting. If it fails to connect, the error is that of `uptls_stream_connect`. Call `uptls_stream_handshake` next.
 * `own` says who closes `fd`. `host` is the backend host; `options` may be NULL. The deadline runs from now on.
 *
 * This is the call for a program that dials in a way of its own. What it sent on `fd` before is no part of TLS, and what it
 * received must be all that the peer sent: a byte that was read too far is lost, and the handshake fails.
 *
 * `*out` is owned by the caller: `uptls_stream_free`. `err` may be NULL.
 */
uptls_status uptls_stream_adopt_fd(const uptls_connector *connector,
                                   int fd,
                                   const char *host,
                                   uptls_fd_ownership own,
                                   const uptls_connect_options *options,
                                   uptls_stream **out,
                                   uptls_error **err);

/**
 * Frees a stream, and closes the socket if the stream owns it. It sends nothing: end data with `uptls_stream_shutdown`
 * first. NULL is fine.
 */
void uptls_stream_free(uptls_stream *stream);

/**
 * Continues the handshake. On a socket that blocks it returns when the handshake is done (`UPTLS_OK`) or has failed,
 * at the deadline at the latest. On one that does not block it may also return `UPTLS_WANT_READ` or
 * `UPTLS_WANT_WRITE`: call again when the socket is ready, and no later than `uptls_stream_timeout_ms`. `err` may be
 * NULL.
 */
uptls_status uptls_stream_handshake(uptls_stream *stream,
                                    uptls_error **err);

/**
 * The socket, for poll and options. Reading or writing bytes there breaks the connection. -1 for NULL.
 */
int uptls_stream_fd(const uptls_stream *stream);

/**
 * The events to poll the socket for: POLLIN, POLLOUT or both. Ask `uptls_stream_pending` first: data that was already
 * received makes no socket ready. When the socket is ready for POLLOUT and there is no data to write, call
 * `uptls_stream_flush`. 0 for NULL.
 */
short uptls_stream_poll_events(const uptls_stream *stream);

/**
 * Whether `uptls_stream_read` has something without the socket, data, the end or an error: 1, or 0.
 */
int32_t uptls_stream_pending(const uptls_stream *stream);

/**
 * How far the handshake has come.
 */
uptls_handshake_state uptls_stream_handshake_state(const uptls_stream *stream);

/**
 * How many milliseconds the handshake may still take; 0: call `uptls_stream_expire`. -1: there is no deadline, since the
 * handshake is over, and for NULL.
 */
int64_t uptls_stream_timeout_ms(const uptls_stream *stream);

/**
 * Ends a handshake whose deadline has passed, with `UPTLS_E_TIMEOUT`. `UPTLS_OK`, and no effect, if it has not passed,
 * and after the handshake. After a failed handshake: its error. `err` may be NULL.
 */
uptls_status uptls_stream_expire(uptls_stream *stream,
                                 uptls_error **err);

/**
 * What was proven and negotiated. `UPTLS_E_USAGE` before the handshake is done; its error after it failed. `*out` is one
 * reference, owned by the caller: `uptls_evidence_unref`. `err` may be NULL.
 */
uptls_status uptls_stream_evidence(const uptls_stream *stream,
                                   uptls_evidence **out,
                                   uptls_error **err);

/**
 * The report of the verification (schema `uptls.report/v1`): every step, once the handshake is done or failed.
 * `UPTLS_E_USAGE` before. `*report` is owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_stream_report(const uptls_stream *stream,
                                 char **report,
                                 uptls_error **err);

/**
 * The address of this host from which the socket is connected: `192.0.2.7:41000`, `[2001:db8::7]:41000`. `UPTLS_E_USAGE` for a Unix socket,
 * which has none. `*address` is owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_stream_local_address(const uptls_stream *stream,
                                        char **address,
                                        uptls_error **err);

/**
 * The address to which the socket is connected; behind an HTTP proxy that is the proxy's. It is no identity: what was proven is in
 * `uptls_stream_evidence`. `UPTLS_E_USAGE` for a Unix socket, and for one that is still connecting. `*address` is owned by the caller:
 * `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_stream_peer_address(const uptls_stream *stream,
                                       char **address,
                                       uptls_error **err);

/**
 * Reads decrypted data. Makes the handshake first if it is not done. `*got` is how many bytes, 0 first.
 *
 * `UPTLS_OK`: there was data, or no room. `UPTLS_WANT_READ`, `UPTLS_WANT_WRITE`: the socket does not block; poll it
 * for that. `UPTLS_CLOSED`: the peer ended its data properly. `UPTLS_E_TRUNCATED`: the end came without close_notify,
 * and what was read may be incomplete. `UPTLS_E_TIMEOUT` with the code `tcp_timeout`: the socket's own time limit
 * passed, and the stream is as it was. `err` may be NULL.
 */
uptls_status uptls_stream_read(uptls_stream *stream,
                               void *data,
                               size_t capacity,
                               size_t *got,
                               uptls_error **err);

/**
 * Encrypts and sends data. Makes the handshake first if it is not done. `*used` is how much of it was used, 0 first. Give the
 * rest to the next call, as after a short write to a socket: **the bytes that were not used must come next**. Others are
 * `UPTLS_E_USAGE`, since a part of their record may be sent.
 *
 * **Once all of the data is used, all of it is on the wire.** If the socket does not take all, the rest waits in the library, at
 * most 64 KiB, and `*used` counts it but for its last byte. So the program has data left while something waits, and writes again.
 * A program that gives up then may have sent one byte more than `*used` said.
 *
 * `UPTLS_OK`: it used some or all. `UPTLS_WANT_WRITE`, `UPTLS_WANT_READ`: it used nothing, the socket does not block;
 * poll it for that. `UPTLS_E_TIMEOUT` with the code `tcp_timeout`: it used nothing, the socket's own time limit
 * passed, and the stream is as it was. `err` may be NULL.
 */
uptls_status uptls_stream_write(uptls_stream *stream,
                                const void *data,
                                size_t length,
                                size_t *used,
                                uptls_error **err);

/**
 * As `uptls_stream_write` with the bytes of `count` pieces, one after the other, as if they were one text; `*used` counts them
 * all. Small pieces share a record, and a call of the system. It takes up to 64 KiB at once. `pieces` may be NULL if `count` is 0.
 */
uptls_status uptls_stream_writev(uptls_stream *stream,
                                 const uptls_bytes *pieces,
                                 size_t count,
                                 size_t *used,
                                 uptls_error **err);

/**
 * Sends what waits: answers of TLS itself (to a key update), or a part of the last write. Makes the handshake first if it is not
 * done. Call it when `uptls_stream_poll_events` asks for POLLOUT and there is no data to write; every other call that sends or
 * reads does the same.
 *
 * `UPTLS_OK`: nothing waits. The rest is as for `uptls_stream_write`. `err` may be NULL.
 */
uptls_status uptls_stream_flush(uptls_stream *stream,
                                uptls_error **err);

/**
 * Sends close_notify, which ends our data properly; reading continues. The socket stays open. `UPTLS_OK`, or
 * `UPTLS_WANT_WRITE`: poll, and call again. `UPTLS_E_USAGE` before the handshake is done. `err` may be NULL.
 */
uptls_status uptls_stream_shutdown(uptls_stream *stream,
                                   uptls_error **err);

/**
 * Ends all calls that are inside the stream, and every later one that reads, writes or makes the handshake, with
 * `UPTLS_E_CANCELLED`: for good. Any thread may call it, and so may a signal handler. Nothing is sent and nothing is closed; afterwards
 * `uptls_stream_shutdown` still sends close_notify if the socket takes it at once. Free the stream once the other threads have
 * left their calls. NULL is fine.
 */
void uptls_stream_cancel(const uptls_stream *stream);

/**
 * Fills `material` with `length` bytes of keying material that both ends of this connection derive, and no others (RFC 5705): for
 * `label`, which the protocol that uses it names, and `context`, which may be empty. It is a secret. TLS 1.3 alone: of TLS 1.2
 * the library cannot tell whether a peer in the middle could have given two connections the same material.
 *
 * `UPTLS_E_USAGE` for TLS 1.2, before the handshake is done, for a length of 0 or above 8160, and for a label that is empty or longer
 * than 249 bytes; after a failed handshake its error. Then `material` is zeros or as it was. `err` may be NULL.
 */
uptls_status uptls_stream_export(const uptls_stream *stream,
                                 const char *label,
                                 const void *context,
                                 size_t context_length,
                                 void *material,
                                 size_t length,
                                 uptls_error **err);

/**
 * The channel binding `tls-exporter` (RFC 9266) for SCRAM-PLUS and the like: 32 bytes to `binding`, whose `capacity` must be 32 or
 * more. `*got` is 32, or 0 first. Errors are those of `uptls_stream_export`. `err` may be NULL.
 */
uptls_status uptls_stream_channel_binding(const uptls_stream *stream,
                                          void *binding,
                                          size_t capacity,
                                          size_t *got,
                                          uptls_error **err);

/**
 * Makes a watch without connectors. `*out` is owned by the caller: `uptls_watch_free`. `err` may be NULL.
 */
uptls_status uptls_watch_new(uptls_watch **out,
                             uptls_error **err);

/**
 * Frees a watch, and gives its references to connectors back. NULL is fine.
 */
void uptls_watch_free(uptls_watch *watch);

/**
 * Adds a connector; the next dispatch, which is due at once, reads its files. `UPTLS_E_USAGE` for one that was added
 * before. `err` may be NULL.
 */
uptls_status uptls_watch_add(uptls_watch *watch,
                             const uptls_connector *connector,
                             uptls_error **err);

/**
 * Removes a connector. No effect if it was not added. `err` may be NULL.
 */
uptls_status uptls_watch_remove(uptls_watch *watch,
                                const uptls_connector *connector,
                                uptls_error **err);

/**
 * A descriptor that can be read (POLLIN) when a dispatch is due; owned by the watch; only poll it. -1 if the system
 * has none (`uptls_watch_timeout_ms` then says when), and for NULL.
 */
int uptls_watch_fd(const uptls_watch *watch);

/**
 * In how many milliseconds the next dispatch is due, for a program that does not poll the descriptor. -1: there is no connector,
 * and for NULL.
 */
int64_t uptls_watch_timeout_ms(const uptls_watch *watch);

/**
 * How a watch learns of changes, as of the last dispatch. `UPTLS_WATCH_POLLING` also while another thread uses it.
 */
uptls_watch_mode uptls_watch_state(const uptls_watch *watch);

/**
 * Why a watch polls: the system's reason. `*reason` is NULL if it does not poll, and otherwise owned by the caller:
 * `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_watch_reason(const uptls_watch *watch,
                                char **reason,
                                uptls_error **err);

/**
 * Reads the files that changed or are due, and publishes or withdraws. It waits only for the reading of regular files,
 * and a program can call it at any time. (Storage that does not answer holds the call, and all connectors of the
 * watch: give such files their own watch and thread.) `*changed` is how many connectors have another generation or
 * state now, 0 first: see `uptls_connector_next_event`. A file that is gone withdraws its policy at once. Invalid
 * content, or a file that a writer has not closed, counts after a little over a second, since not every writer
 * replaces files at once. A file that cannot be read for want of descriptors or memory changes nothing. `err` may be
 * NULL.
 */
uptls_status uptls_watch_dispatch(uptls_watch *watch,
                                  size_t *changed,
                                  uptls_error **err);

/**
 * Notes that a connection to `host` with this evidence is open, so that `uptls_connector_reconsider` judges it again. A
 * connection that is not noted is never judged again, whatever is revoked. `host` is the one that it was made for. `*id` is its
 * number: each connector counts from 1; 0 first. Give it to `uptls_connector_closed` when the connection ends. `err` may be NULL.
 */
uptls_status uptls_connector_opened(const uptls_connector *connector,
                                    const char *host,
                                    const uptls_evidence *evidence,
                                    uint64_t *id,
                                    uptls_error **err);

/**
 * Notes that the connection `id` has ended. A number that is not open does nothing, and neither does NULL.
 */
void uptls_connector_closed(const uptls_connector *connector,
                            uint64_t id);

/**
 * Judges the peers of all connections that are noted as open by the policy of now: after a CA, a list or a name is gone, their
 * connections would otherwise live on until they end by themselves. Each distinct chain is judged once. `*refused` says how many
 * would be refused; `uptls_connector_next_refused` names them. The call closes nothing: close them over some seconds, so that
 * their successors do not come all at once. `UPTLS_E_CONFIG` if the connector is withdrawn or not ready, which says nothing of a
 * peer. `err` may be NULL.
 */
uptls_status uptls_connector_reconsider(const uptls_connector *connector,
                                        size_t *refused,
                                        uptls_error **err);

/**
 * Takes the next connection that the last `uptls_connector_reconsider` refused: `*id` is its number, and `*why` the reason as an
 * error of a new connection would have it, which the caller frees by `uptls_error_free`. `*id` is 0 and `*why` NULL if there is no
 * more. Connections that ended meanwhile are left out. `err` may be NULL.
 */
uptls_status uptls_connector_next_refused(const uptls_connector *connector,
                                          uint64_t *id,
                                          uptls_error **why,
                                          uptls_error **err);

/**
 * Has `shadow` judge the peers of `connector` from the next connection on, beside its own policy. What it says is counted
 * and changes no verdict: use it to learn which peers a stricter policy would refuse before you enforce it. The shadow is a connector
 * that makes no connections: update it, and have a watch follow its files, as any other. Each call begins a new count; with NULL
 * it ends. `UPTLS_E_USAGE` for the connector itself, and for a shadow that has a shadow. Both stay the caller's. `err` may be NULL.
 */
uptls_status uptls_connector_audit(const uptls_connector *connector,
                                   const uptls_connector *shadow,
                                   uptls_error **err);

/**
 * What the shadow of `uptls_connector_audit` would have said so far: one JSON object on one line, whose `role` is `shadow`. It
 * counts connections that were made and that the shadow would have refused by code (`refused`), has `samples` of them, and names
 * the parts of the two policies that no certificate shows (`unseen`). `docs/observability.md` has each field. `*json` is NULL
 * without a shadow, and else owned by the caller: `uptls_string_free`. `err` may be NULL.
 */
uptls_status uptls_connector_audit_report(const uptls_connector *connector,
                                          char **json,
                                          uptls_error **err);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* UPTLS_H */
