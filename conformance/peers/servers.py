"""The real servers of Debian that clients meet: Redis, MariaDB, PostgreSQL and mosquitto, each in a folder of its own.

One user, or one port, wants no client certificate, and another demands one. They trust `ca` for that.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loopback import Leaf

WAIT = 60
"""Seconds for a server to listen."""


@dataclass(frozen=True)
class Place:
    """Where a client is to go, as whom, and where a client certificate is demanded."""

    port: int
    user: str
    demanding_port: int
    demanding_user: str


@dataclass(frozen=True)
class Material:
    """What a server needs: a folder that its user can read, its certificate, and the CA of clients."""

    folder: Path
    leaf: Leaf
    ca: Path


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def missing(*programs: str) -> list[str]:
    """Those that are not installed; Debian has servers outside the path of users."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
    return [program for program in programs if not shutil.which(program, path=path)]


def _program(name: str) -> str:
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
    found = shutil.which(name, path=path)
    assert found is not None
    return found


def _drop_to(user: str, folder: Path) -> str | None:
    """A server that refuses to run as root gets a user of its own, who owns its folder."""
    if os.getuid() != 0:
        return None
    owner = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return user


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int, user: str | None = None) -> Iterator[None]:
    """Starts it, waits until it listens, and ends it."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, user=user, env=_environment(folder)
        )
    try:
        _wait(process, folder, port)
        yield
    finally:
        process.terminate()
        process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Temporary files go into the folder too: not every user may write elsewhere."""
    return {**os.environ, "TMPDIR": str(folder)}


def _wait(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    for _ in range(WAIT * 10):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    message = f"{process.args!r} does not listen: {(folder / 'log').read_text()[-2000:]}"
    raise RuntimeError(message)


@contextlib.contextmanager
def redis(material: Material) -> Iterator[Place]:
    """Two instances, since one has one rule for all clients."""
    folder, leaf = material.folder, material.leaf
    ports = [free_port(), free_port()]
    with contextlib.ExitStack() as stack:
        for port, demand in zip(ports, ("no", "yes"), strict=True):
            settings = {
                "bind": "127.0.0.1",
                "port": "0",
                "tls-port": str(port),
                "tls-cert-file": str(leaf.certificate),
                "tls-key-file": str(leaf.key),
                "tls-ca-cert-file": str(material.ca),
                "tls-auth-clients": demand,
                "save": "",
            }
            options = [word for name, value in settings.items() for word in (f"--{name}", value)]
            stack.enter_context(_running([_program("redis-server"), *options], folder, port))
        yield Place(ports[0], "", ports[1], "")


@contextlib.contextmanager
def mosquitto(material: Material) -> Iterator[Place]:
    """Two listeners."""
    ports = [free_port(), free_port()]
    lines = ["per_listener_settings true"]
    for port, demand in zip(ports, ("false", "true"), strict=True):
        lines += [f"listener {port} 127.0.0.1", "allow_anonymous true", f"certfile {material.leaf.certificate}"]
        lines += [f"keyfile {material.leaf.key}", f"cafile {material.ca}", f"require_certificate {demand}"]
    settings = material.folder / "mosquitto.conf"
    settings.write_text("\n".join(lines) + "\n")
    user = _drop_to("mosquitto", material.folder)
    with _running([_program("mosquitto"), "-c", str(settings)], material.folder, ports[1], user):
        yield Place(ports[0], "", ports[1], "")


@contextlib.contextmanager
def mariadb(material: Material) -> Iterator[Place]:
    """Two users."""
    folder, port = material.folder, free_port()
    data = folder / "data"
    data.mkdir()
    user = _drop_to("mysql", folder)
    install = [
        _program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
    ]
    subprocess.run(install, check=True, capture_output=True, user=user, cwd=folder, env=_environment(folder))
    sql = folder / "users.sql"
    account = "create user '{0}'@'localhost' identified by 'password' require {1};\n"
    sql.write_text(account.format("user", "ssl") + account.format("demanding", "x509"))
    sql.chmod(0o644)
    command = [
        _program("mariadbd"),
        "--no-defaults",
        f"--datadir={data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--socket={folder / 'socket'}",
        f"--init-file={sql}",
        f"--ssl-cert={material.leaf.certificate}",
        f"--ssl-key={material.leaf.key}",
        f"--ssl-ca={material.ca}",
    ]
    with _running(command, folder, port, user):
        yield Place(port, "user", port, "demanding")


@contextlib.contextmanager
def postgres(material: Material) -> Iterator[Place]:
    """Two users."""
    folder, port = material.folder, free_port()
    data = folder / "data"
    user = _drop_to("postgres", folder)
    create = [_program("initdb"), "-D", str(data), "-A", "trust", "-U", "owner"]
    subprocess.run(create, check=True, capture_output=True, user=user, cwd=folder)
    (data / "pg_hba.conf").write_text(
        "hostssl all user 127.0.0.1/32 trust\nhostssl all demanding 127.0.0.1/32 trust clientcert=verify-ca\n"
        "local all owner trust\n"
    )
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "ssl": "on",
        "ssl_cert_file": material.leaf.certificate,
        "ssl_key_file": material.leaf.key,
        "ssl_ca_file": material.ca,
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with _running([_program("postgres"), "-D", str(data), *options], folder, port, user):
        roles = 'create role "user" login; create role demanding login'
        owner = [_program("psql"), "-h", str(folder), "-p", str(port), "-U", "owner", "-d", "postgres", "-c", roles]
        for _ in range(WAIT * 10):
            # It listens before it takes connections.
            if subprocess.run(owner, check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        yield Place(port, "user", port, "demanding")
