//! Every function of the header with NULL for each of its pointers in turn: a C program made of the header itself, so that
//! no function is forgotten.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/declarations.rs"]
mod declarations;
#[path = "common/fixture.rs"]
mod fixture;
#[path = "common/peers.rs"]
mod peers;

use std::fmt::Write;

use common::{Installed, Link, command, crate_folder, succeed, valgrind};
use declarations::{Declarations, Function, Parameter};
use fixture::Fixture;
use peers::Peers;

fn is_pointer(parameter: &Parameter) -> bool {
    parameter.kind.ends_with('*') || FUNCTIONS.contains(&parameter.kind.as_str())
}

/// What it points to is set by the call.
fn is_result(parameter: &Parameter) -> bool {
    let kind = &parameter.kind;
    kind.ends_with("**") && !kind.ends_with("const *")
        || ["size_t*", "uint16_t*", "uint64_t*"].contains(&kind.replace(' ', "").as_str())
}

#[test]
fn null_is_misuse_that_names_the_argument_or_means_absent() {
    let (installed, peers) = (Installed::new(), Peers::new());
    let functions = Declarations::new().functions;
    assert!(functions.len() > 100, "{} functions were read", functions.len());
    let source = installed.folder().join("nulls.c");
    std::fs::write(&source, program(&functions)).expect("the program can be written");
    let executable = installed.compile_with(&source, Link::Shared, &crate_folder().join("tests/c"));
    let arguments = [peers.policy(), Fixture::now(), peers.honest.addr().port().to_string()];
    succeed(&mut command(&executable, &arguments), &[]);
    if let Some(mut valgrind) = valgrind() {
        succeed(valgrind.arg(&executable).args(&arguments), &[]);
    }
}

fn program(functions: &[Function]) -> String {
    let mut calls = String::new();
    for function in functions {
        let fails = function.parameters.last().is_some_and(|last| last.kind == "uptls_error **");
        let pointers = function.parameters.iter().filter(|parameter| is_pointer(parameter));
        for pointer in pointers.filter(|pointer| pointer.name != "err") {
            match fails {
                true => refused_or_absent(&mut calls, function, pointer),
                false => {
                    let arguments: Vec<_> =
                        function.parameters.iter().map(|one| value(function, one, pointer)).collect();
                    writeln!(calls, "  (void){}({});", function.name, arguments.join(", ")).unwrap();
                }
            }
        }
    }
    format!("{HEAD}\nstatic void all(void) {{\n{calls}}}\n{TAIL}")
}

fn refused_or_absent(calls: &mut String, function: &Function, null: &Parameter) {
    assert_eq!(function.result, "uptls_status", "{}", function.name);
    let name = &function.name;
    let arguments: Vec<_> = function.parameters.iter().map(|one| value(function, one, null)).collect();
    let call = format!("{name}({})", arguments.join(", "));
    let results: Vec<_> = function.parameters.iter().filter(|one| is_result(one) && one.name != "err").collect();
    // Nothing may depend on what stands there before.
    for result in &results {
        writeln!(calls, "  memset(&{0}, 0x5a, sizeof {0});", place(result)).unwrap();
    }
    writeln!(calls, "  memset(&error, 0x5a, sizeof error);").unwrap();
    if OPTIONAL.contains(&(name.as_str(), null.name.as_str())) {
        writeln!(calls, "  absent({call}, \"{name}\", \"{}\");", null.name).unwrap();
    } else {
        writeln!(calls, "  misused({call}, \"{name}\", \"{}\");", null.name).unwrap();
    }
    for result in results.iter().filter(|result| result.name != null.name) {
        let place = place(result);
        // A result after the NULL may be untouched: only one before it, or all of a call that ended well, must be set.
        let before = |name: &str| function.parameters.iter().position(|one| one.name == name);
        if before(&result.name) < before(&null.name) || results.len() == 1 {
            match RELEASES.iter().find(|(kind, _)| result.kind.replace(' ', "") == format!("{kind}**")) {
                Some((_, release)) => writeln!(calls, "  {release}({place});").unwrap(),
                None => writeln!(calls, "  CHECK(is_zero(&{place}, sizeof {place}));").unwrap(),
            }
        }
    }
}

/// A good value; NULL for `null`.
fn value(function: &Function, parameter: &Parameter, null: &Parameter) -> String {
    if parameter.name == null.name {
        return "NULL".to_owned();
    }
    if parameter.name == "err" {
        return "&error".to_owned();
    }
    if is_result(parameter) {
        return format!("&{}", place(parameter));
    }
    if parameter.name == "reason" {
        return "reason".to_owned();
    }
    let kind = parameter.kind.replace("const ", "").replace(' ', "");
    let text = match parameter.name.as_str() {
        "host" | "backend_host" | "connect_to" | "destination" | "source" | "sources" => "\"127.0.0.1\"",
        "backend" => "\"shop/pay:443\"",
        _ => "\"x\"",
    };
    match kind.as_str() {
        "char*" if parameter.name == "text" && function.name == "uptls_string_free" => "NULL".to_owned(),
        "char*" => text.to_owned(),
        "uint8_t*" => "(const uint8_t *)\"x\"".to_owned(),
        "void*" => "buffer".to_owned(),
        "char**" => "paths".to_owned(),
        "uptls_connect_options*" => "&options".to_owned(),
        "uptls_bytes*" => "pieces".to_owned(),
        "uptls_manifest_options*" => "&manifest_options".to_owned(),
        "int32_t" if parameter.name == "os_error" => "104".to_owned(),
        "uptls_hook" => "hook".to_owned(),
        "uptls_sign" => "sign".to_owned(),
        "int" => "sockets[0]".to_owned(),
        "size_t" | "uint16_t" | "uint32_t" | "uint64_t" => "1".to_owned(),
        "uptls_status" | "int64_t" => "0".to_owned(),
        handle if handle.starts_with("uptls_") && handle.ends_with('*') => {
            handle.trim_start_matches("uptls_").trim_end_matches('*').to_owned()
        }
        number if number.starts_with("uptls_") => "0".to_owned(),
        other => panic!("{}: no value is known for {other} {}", function.name, parameter.name),
    }
}

/// The variable that a result goes to.
fn place(parameter: &Parameter) -> String {
    let kind = parameter.kind.replace("const ", "const_").replace([' ', '*'], "");
    format!("out_{kind}_{}", parameter.name)
        .replace("out_size_t_", "number_")
        .replace("out_uint16_t_", "short_")
        .replace("out_uint64_t_", "long_")
}

/// How what a call gave is given back.
const RELEASES: [(&str, &str); 12] = [
    ("char", "uptls_string_free"),
    ("uptls_builder", "uptls_builder_free"),
    ("uptls_conn", "uptls_conn_free"),
    ("uptls_connector", "uptls_connector_unref"),
    ("uptls_dialer", "uptls_dialer_free"),
    ("uptls_evidence", "uptls_evidence_unref"),
    ("uptls_manifest_set", "uptls_manifest_set_unref"),
    ("uptls_manifest_store", "uptls_manifest_store_free"),
    ("uptls_policy", "uptls_policy_unref"),
    ("uptls_runtime", "uptls_runtime_free"),
    ("uptls_stream", "uptls_stream_free"),
    ("uptls_watch", "uptls_watch_free"),
];

/// Types of functions of the program's.
const FUNCTIONS: [&str; 2] = ["uptls_hook", "uptls_sign"];

/// Where NULL says that something is absent.
const OPTIONAL: [(&str, &str); 32] = [
    ("uptls_builder_add_ca_pem", "name"),
    ("uptls_builder_add_crl_pem", "name"),
    ("uptls_builder_add_spiffe_ca_pem", "name"),
    ("uptls_builder_set_identity_files", "passphrase"),
    ("uptls_builder_set_identity_signer", "context"),
    ("uptls_builder_set_identity_signer", "sign"),
    ("uptls_builder_set_revocation", "depth"),
    ("uptls_builder_set_revocation", "unknown"),
    ("uptls_conn_new", "options"),
    ("uptls_connector_audit", "shadow"),
    ("uptls_connector_check", "connect_to"),
    ("uptls_connector_check", "options"),
    ("uptls_connector_from_manifests", "gateway"),
    ("uptls_dialer_new_tcp", "sources"),
    ("uptls_dialer_set_hook", "context"),
    ("uptls_dialer_set_http_proxy", "authorization"),
    ("uptls_manifest_set_connector", "gateway"),
    ("uptls_manifest_set_load", "options"),
    ("uptls_manifest_set_parse", "options"),
    ("uptls_manifest_set_policy", "gateway"),
    ("uptls_manifest_set_publish", "gateway"),
    ("uptls_manifest_store_connector", "gateway"),
    ("uptls_manifest_store_new", "options"),
    ("uptls_manifest_store_policy", "gateway"),
    ("uptls_manifest_store_publish", "gateway"),
    ("uptls_policy_from_document", "base"),
    ("uptls_policy_from_manifest_text", "gateway"),
    ("uptls_policy_from_manifests", "gateway"),
    ("uptls_policy_verify", "backend_host"),
    ("uptls_stream_adopt_fd", "options"),
    ("uptls_stream_connect", "connect_to"),
    ("uptls_stream_connect", "options"),
];

const HEAD: &str = r#"/* Made by ffi/tests/nulls.rs of the header. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

static uptls_runtime *runtime;
static uptls_policy *policy;
static uptls_builder *builder;
static uptls_connector *connector;
static uptls_conn *conn;
static uptls_stream *stream;
static uptls_dialer *dialer;
static uptls_evidence *evidence;
static uptls_watch *watch;
static uptls_error *error;
static uptls_error *reason;
static uptls_manifest_set *manifest_set;
static uptls_manifest_store *manifest_store;
static uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL};
static uptls_manifest_options manifest_options = {sizeof manifest_options, NULL, NULL, NULL, 0, 0, 0};
static const char *paths[1] = {"/nonexistent"};
static uptls_bytes pieces[1];
static char buffer[1];
static int sockets[2];
static uptls_builder *out_uptls_builder_out;
static uptls_conn *out_uptls_conn_out;
static uptls_connector *out_uptls_connector_out;
static uptls_dialer *out_uptls_dialer_out;
static uptls_evidence *out_uptls_evidence_out;
static uptls_manifest_set *out_uptls_manifest_set_out;
static uptls_manifest_store *out_uptls_manifest_store_out;
static uptls_policy *out_uptls_policy_out;
static uptls_runtime *out_uptls_runtime_out;
static uptls_stream *out_uptls_stream_out;
static uptls_watch *out_uptls_watch_out;
static char *out_char_address, *out_char_json, *out_char_reason, *out_char_report, *out_char_text;
static const uint8_t *out_const_uint8_t_der, *out_const_uint8_t_message, *out_const_uint8_t_protocol;
static size_t number_used, number_got, number_count, number_bytes, number_length, number_changed, number_refused;
static uint16_t short_scheme;
static uint64_t long_generation, long_id;
static uptls_error *out_uptls_error_why;

static int hook(void *context, int fd) {
  (void)context;
  (void)fd;
  return 0;
}

static int sign(void *context, uint16_t scheme, const uint8_t *message, size_t length, uint8_t *signature, size_t capacity,
                size_t *got) {
  (void)context, (void)scheme, (void)message, (void)length, (void)signature, (void)capacity, (void)got;
  return 1;
}

static int is_zero(const void *start, size_t length) {
  const unsigned char *byte = start;
  while (length > 0 && *byte == 0) byte++, length--;
  return length == 0;
}

static void misused(uptls_status status, const char *function, const char *argument) {
  if (status != UPTLS_E_USAGE || error == NULL || strstr(uptls_error_message(error), argument) == NULL) {
    fprintf(stderr, "%s without %s: status %d\n", function, argument, status);
    if (status < 0 && error != NULL) fprintf(stderr, "%s\n", uptls_error_message(error));
    exit(1);
  }
  uptls_error_free(error);
}

static void absent(uptls_status status, const char *function, const char *argument) {
  if (status == UPTLS_E_USAGE || (status < 0) != (error != NULL)) {
    fprintf(stderr, "%s without %s: status %d: %s\n", function, argument, status, uptls_error_message(error));
    exit(1);
  }
  uptls_error_free(error);
}
"#;

const TAIL: &str = r#"
int main(int argc, char **argv) {
  uptls_stream *live;
  CHECK(argc == 4);
  connector = net_connector(argv[1], argv[2]);
  CHECK(uptls_runtime_new_at(strtoll(argv[2], NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_connector_policy(connector, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_builder_new(&builder, NULL) == UPTLS_OK && uptls_watch_new(&watch, NULL) == UPTLS_OK);
  CHECK(uptls_conn_new(connector, HOST, NULL, &conn, NULL) == UPTLS_OK);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  net_unblock(sockets[0]);
  CHECK(uptls_stream_adopt_fd(connector, sockets[0], HOST, UPTLS_FD_BORROW, NULL, &stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(argv[3]), "127.0.0.1", NULL, &live, NULL) == UPTLS_OK);
  CHECK(uptls_stream_evidence(live, &evidence, NULL) == UPTLS_OK);
  CHECK(uptls_dialer_new_tcp(NULL, 0, &dialer, NULL) == UPTLS_OK);
  CHECK(uptls_runtime_new(NULL, &reason) == UPTLS_E_USAGE);
  CHECK(uptls_manifest_set_parse(runtime, NULL, 0, "empty", NULL, &manifest_set, NULL) == UPTLS_OK);
  CHECK(uptls_manifest_store_new(runtime, NULL, &manifest_store, NULL) == UPTLS_OK);
  all();
  uptls_manifest_store_free(manifest_store);
  uptls_manifest_set_unref(manifest_set);
  uptls_error_free(reason);
  uptls_dialer_free(dialer);
  uptls_stream_free(live);
  uptls_stream_free(stream);
  uptls_conn_free(conn);
  uptls_watch_free(watch);
  uptls_builder_free(builder);
  uptls_evidence_unref(evidence);
  uptls_policy_unref(policy);
  uptls_connector_unref(connector);
  uptls_runtime_free(runtime);
  close(sockets[0]);
  close(sockets[1]);
  return 0;
}
"#;
