"""Clients of HTTP, mail and files: each goes to a server with a policy's context, and fails unless it was answered."""

import asyncio
import ftplib
import imaplib
import poplib
import smtplib
import ssl
import xmlrpc.client
from typing import Any

import aioftp
import aiosmtplib
import boto3
import botocore.config
import botocore.httpsession
import elasticsearch
import httpcore
import httplib2
import kubernetes
import opensearchpy
import tornado.httpclient
import tornado.iostream
import tornado.tcpclient
import websocket

HOST = "localhost"
SECONDS = 20
HELLO = b"hello"


def answered(got: object, wanted: object = HELLO) -> None:
    """Fails unless the server's own answer came."""
    if got != wanted:
        message = f"{got!r} instead of {wanted!r}"
        raise AssertionError(message)


def xmlrpc_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    with xmlrpc.client.ServerProxy(f"https://{HOST}:{port}/", context=context) as proxy:
        answered(proxy.say(), "hello")


def httpcore_pool(context: ssl.SSLContext, port: int, **_: Any) -> None:
    with httpcore.ConnectionPool(ssl_context=context) as pool:
        answered(pool.request("GET", f"https://{HOST}:{port}/").content)


def httplib2_http(context: ssl.SSLContext, port: int, **_: Any) -> None:
    """It makes its context itself, in a function of its module."""
    made = httplib2._build_ssl_context  # noqa: SLF001
    httplib2._build_ssl_context = lambda *_, **__: context  # noqa: SLF001
    try:
        answered(httplib2.Http(timeout=SECONDS).request(f"https://{HOST}:{port}/")[1])
    finally:
        httplib2._build_ssl_context = made  # noqa: SLF001


def websocket_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    connection = websocket.create_connection(f"wss://{HOST}:{port}/", sslopt={"context": context}, timeout=SECONDS)
    try:
        answered(connection.recv(), "hello")
    finally:
        connection.shutdown()


def tornado_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    async def main() -> bytes:
        client = tornado.httpclient.AsyncHTTPClient(force_instance=True)
        url = f"https://{HOST}:{port}/"
        return (await client.fetch(url, ssl_options=context, request_timeout=SECONDS)).body

    answered(asyncio.run(main()))


def tornado_stream(context: ssl.SSLContext, port: int, **_: Any) -> None:
    async def main() -> bytes:
        client = tornado.tcpclient.TCPClient()
        stream = await client.connect(HOST, port, ssl_options=context, timeout=SECONDS)
        try:
            await stream.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return (await stream.read_until(HELLO))[-len(HELLO) :]
        finally:
            stream.close()

    answered(asyncio.run(main()))


def elasticsearch_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    with elasticsearch.Elasticsearch(f"https://{HOST}:{port}", ssl_context=context, max_retries=0) as client:
        answered(client.info()["say"], "hello")


def opensearch_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    hosts = [{"host": HOST, "port": port}]
    client = opensearchpy.OpenSearch(hosts, use_ssl=True, ssl_context=context, max_retries=0)
    try:
        answered(client.info()["say"], "hello")
    finally:
        client.close()


def boto3_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    """It makes its context itself, in a method of its session."""
    session = botocore.httpsession.URLLib3Session
    made = session._get_ssl_context  # noqa: SLF001
    session._get_ssl_context = lambda _: context  # noqa: SLF001
    try:
        once = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=SECONDS, connect_timeout=SECONDS)
        client = boto3.client(
            "sqs",
            "eu-west-1",
            endpoint_url=f"https://{HOST}:{port}",
            aws_access_key_id="key",
            aws_secret_access_key="secret",  # noqa: S106
            config=once,
        )
        answered(client.get_queue_url(QueueName="queue")["QueueUrl"], "hello")
    finally:
        session._get_ssl_context = made  # noqa: SLF001


def kubernetes_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    """Its pool takes a context; its configuration has no place for one."""
    configuration = kubernetes.client.Configuration(host=f"https://{HOST}:{port}")
    configuration.retries = False
    with kubernetes.client.ApiClient(configuration) as client:
        client.rest_client.pool_manager.connection_pool_kw = {"ssl_context": context, "retries": False}
        answered(kubernetes.client.VersionApi(client).get_code().git_version, "hello")


# Mail.


def smtp_tls(context: ssl.SSLContext, port: int, **_: Any) -> None:
    with smtplib.SMTP_SSL(HOST, port, context=context, timeout=SECONDS) as client:
        answered(client.noop()[0], 250)


def smtp_starttls(context: ssl.SSLContext, port: int, **_: Any) -> None:
    with smtplib.SMTP(HOST, port, timeout=SECONDS) as client:
        client.starttls(context=context)
        answered(client.noop()[0], 250)


def imap_tls(context: ssl.SSLContext, port: int, **_: Any) -> None:
    with imaplib.IMAP4_SSL(HOST, port, ssl_context=context, timeout=SECONDS) as client:
        answered(client.noop()[0], "OK")


def imap_starttls(context: ssl.SSLContext, port: int, **_: Any) -> None:
    with imaplib.IMAP4(HOST, port, timeout=SECONDS) as client:
        client.starttls(context)
        answered(client.noop()[0], "OK")


def pop_tls(context: ssl.SSLContext, port: int, **_: Any) -> None:
    _pop(poplib.POP3_SSL(HOST, port, context=context, timeout=SECONDS))


def pop_stls(context: ssl.SSLContext, port: int, **_: Any) -> None:
    client = poplib.POP3(HOST, port, timeout=SECONDS)
    try:
        client.stls(context)
    except BaseException:
        client.close()
        raise
    _pop(client)


def _pop(client: poplib.POP3) -> None:
    try:
        answered(client.noop(), b"+OK 0 0")
        client.quit()
    finally:
        client.close()


def aiosmtplib_starttls(context: ssl.SSLContext, port: int, **_: Any) -> None:
    async def main() -> int:
        client = aiosmtplib.SMTP(hostname=HOST, port=port, start_tls=True, tls_context=context, timeout=SECONDS)
        async with client:
            return (await client.noop()).code

    answered(asyncio.run(main()), 250)


# Files.


def ftp_protected(context: ssl.SSLContext, port: int, **_: Any) -> None:
    """The data connection has TLS of its own, by the same context."""
    with ftplib.FTP_TLS(context=context, timeout=SECONDS) as client:  # noqa: S321
        client.connect(HOST, port)
        client.login("user", "password")
        client.prot_p()
        answered(client.nlst(), ["file"])


def aioftp_client(context: ssl.SSLContext, port: int, **_: Any) -> None:
    async def main() -> str:
        async with aioftp.Client.context(HOST, port, ssl=context, socket_timeout=SECONDS) as client:
            return str(await client.get_current_directory())

    answered(asyncio.run(main()), "/")
