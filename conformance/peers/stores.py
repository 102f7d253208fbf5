"""Clients of databases, brokers and directories, as `web.py` has those of HTTP."""

import asyncio
import contextlib
import ssl
import threading
from typing import Any

import aio_pika
import aiokafka
import aiomysql
import asyncpg
import kafka
import ldap3
import nats
import paho.mqtt.client as mqtt
import pika
import pymongo
import pymongo.client_options
import pymysql
import redis
import redis.connection
from web import HOST, SECONDS, answered

PASSWORD = "password"  # noqa: S105
"""That of the users of the real servers, which exist for the run alone."""


def redis_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    """It makes its context itself, in a method of its connection."""

    class Connection(redis.connection.SSLConnection):
        def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
            return context.wrap_socket(sock, server_hostname=self.host)

    pool = redis.ConnectionPool(connection_class=Connection, host=HOST, port=port, retry=None, socket_timeout=SECONDS)
    with redis.Redis(connection_pool=pool) as client:
        answered(client.ping(), wanted=True)
    pool.disconnect()


def pymysql_client(context: ssl.SSLContext, port: int, user: str) -> None:
    connection = pymysql.connect(host=HOST, port=port, user=user, password=PASSWORD, ssl=context)
    try:
        with connection.cursor() as cursor:
            cursor.execute("show status like 'Ssl_cipher'")
            answered(bool(cursor.fetchone()[1]), wanted=True)
    finally:
        connection.close()


def aiomysql_client(context: ssl.SSLContext, port: int, user: str) -> None:
    async def main() -> bool:
        connection = await aiomysql.connect(host=HOST, port=port, user=user, password=PASSWORD, ssl=context)
        try:
            async with connection.cursor() as cursor:
                await cursor.execute("show status like 'Ssl_cipher'")
                return bool((await cursor.fetchone())[1])
        finally:
            connection.close()

    answered(asyncio.run(main()), wanted=True)


def asyncpg_client(context: ssl.SSLContext, port: int, user: str) -> None:
    async def main() -> bool:
        connection = await asyncpg.connect(
            host=HOST, port=port, user=user, database="postgres", ssl=context, timeout=SECONDS
        )
        try:
            return bool(await connection.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))
        finally:
            await connection.close()

    answered(asyncio.run(main()), wanted=True)


def pymongo_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    """It makes its context itself, in a function that its options import."""
    made = pymongo.client_options.get_ssl_context
    pymongo.client_options.get_ssl_context = lambda *_, **__: context
    try:
        address = f"mongodb://{HOST}:{port}/?directConnection=true"
        # Long enough that a refusal is found by then; it asks again until that is over.
        with pymongo.MongoClient(address, tls=True, serverSelectionTimeoutMS=3000) as client:
            answered(client.admin.command("ping")["ok"], 1.0)
    finally:
        pymongo.client_options.get_ssl_context = made


def paho_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    connected = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: connected.set()
    client.tls_set_context(context)
    client.connect(HOST, port)
    client.loop_start()
    try:
        answered(connected.wait(SECONDS / 4), wanted=True)
    finally:
        client.disconnect()
        client.loop_stop()


def nats_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    async def quiet(_: Exception) -> None:
        pass

    async def main() -> None:
        client = await nats.connect(
            f"tls://{HOST}:{port}",
            tls=context,
            user="user",
            password=PASSWORD,
            allow_reconnect=False,
            max_reconnect_attempts=0,
            connect_timeout=SECONDS,
            error_cb=quiet,
        )
        try:
            await client.flush()
        finally:
            await client.close()

    asyncio.run(main())


def ldap3_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    """It makes its context itself; this one is what its functions find in place of the class."""
    made = ldap3.core.tls.create_default_context
    ldap3.core.tls.create_default_context = lambda **_: context
    try:
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED)
        server = ldap3.Server(HOST, port, use_ssl=True, tls=tls, get_info=ldap3.NONE, connect_timeout=SECONDS)
        connection = ldap3.Connection(server, "cn=user", PASSWORD, raise_exceptions=True, receive_timeout=SECONDS)
        answered(connection.bind(), wanted=True)
        connection.unbind()
    finally:
        ldap3.core.tls.create_default_context = made


# The server of these hears the first octets of the protocol and ends: that they came shows that TLS was good.


def aiokafka_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    async def main() -> None:
        client = aiokafka.AIOKafkaProducer(
            bootstrap_servers=f"{HOST}:{port}",
            security_protocol="SSL",
            ssl_context=context,
            request_timeout_ms=SECONDS * 1000,
        )
        try:
            await client.start()
        finally:
            await client.stop()

    asyncio.run(main())


def kafka_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    kafka.KafkaProducer(
        bootstrap_servers=f"{HOST}:{port}",
        security_protocol="SSL",
        ssl_context=context,
        bootstrap_timeout_ms=2000,
        max_block_ms=2000,
    ).close(0)


def pika_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    options = pika.SSLOptions(context, HOST)
    parameters = pika.ConnectionParameters(HOST, port, ssl_options=options, connection_attempts=1)
    pika.BlockingConnection(parameters).close()


def aio_pika_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    async def main() -> None:
        url = f"amqps://{HOST}:{port}/"
        connection = await aio_pika.connect(url, ssl_context=context, timeout=SECONDS)
        with contextlib.suppress(OSError):
            await connection.close()

    asyncio.run(main())
