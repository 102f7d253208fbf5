#!/usr/bin/env python3
"""The compiler of the fuzz targets (RUSTC_WRAPPER): what is under test gets coverage, and nothing else does."""

import os
import sys

# What is under test: our crates, and what they judge by.
UNDER_TEST = {
    "asn1_rs",
    "der_parser",
    "rustls",
    "rustls_pki_types",
    "saphyr_parser",
    "serde_saphyr",
    "uptls",
    "uptls_envoy",
    "uptls_ffi",
    "uptls_manifest",
    "webpki",
    "x509_parser",
}
COVERAGE = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
]


def main() -> None:
    command = sys.argv[1:]
    name = command[command.index("--crate-name") + 1] if "--crate-name" in command else ""
    # Build scripts and macros run in the compiler, which has no counters.
    if name in UNDER_TEST and "--target" in command:
        command += COVERAGE
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
