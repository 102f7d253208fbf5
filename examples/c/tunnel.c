/* A verified GET through an HTTP proxy: tunnel policy.yaml HOST PORT PROXY PROXY_PORT. The proxy learns host and port, and no data. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uptls.h>

/* Before TLS, and on the socket to the proxy: a connection that idles in a pool then notices a dead path. */
static int keep_alive(void *context, int fd) {
  return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, context, sizeof(int)) == 0 ? 0 : errno;
}

static void check(uptls_status status, uptls_error **error) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(*error), uptls_error_message(*error), uptls_error_hint(*error));
  uptls_error_free(*error);
  exit(1);
}

int main(int argc, char **argv) {
  uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL};
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_connector *connector;
  uptls_dialer *dialer;
  uptls_stream *stream;
  uptls_error *error;
  uptls_status status;
  char buffer[16384];
  size_t length, sent, count;
  int on = 1;

  if (argc != 6) return fprintf(stderr, "usage: %s policy.yaml HOST PORT PROXY PROXY_PORT\n", argv[0]), 2;
  check(uptls_runtime_new(&runtime, &error), &error);
  check(uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, &error), &error);
  check(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, &error), &error);
  check(uptls_dialer_new_tcp(NULL, 0, &dialer, &error), &error);
  check(uptls_dialer_set_http_proxy(dialer, argv[4], (uint16_t)atoi(argv[5]), NULL, &error), &error);
  check(uptls_dialer_set_hook(dialer, keep_alive, &on, &error), &error);
  options.dialer = dialer;
  check(uptls_stream_connect(connector, argv[2], (uint16_t)atoi(argv[3]), NULL, &options, &stream, &error), &error);
  uptls_dialer_free(dialer);
  length = snprintf(buffer, sizeof buffer, "GET / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n\r\n", argv[2]);
  for (sent = 0; sent < length; sent += count)
    check(uptls_stream_write(stream, buffer + sent, length - sent, &count, &error), &error);
  while ((status = uptls_stream_read(stream, buffer, sizeof buffer, &count, &error)) == UPTLS_OK)
    fwrite(buffer, 1, count, stdout);
  check(status, &error);
  uptls_stream_free(stream);
  uptls_connector_unref(connector);
  uptls_policy_unref(policy);
  uptls_runtime_free(runtime);
  return 0;
}
