/* A client certificate whose key is in a token, and a loop that does not wait for it with a call of the library.
 * token ca.pem client.pem COMMAND HOST ADDRESS PORT [keys.log]
 *
 * COMMAND stands for the token: it gets a message on its input and writes the signature. For a P-256 key in a file that is
 * `openssl dgst -sha256 -sign client.key`; for PKCS#11 it is C_Sign. With keys.log the connection can be decrypted in Wireshark.
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uptls.h>

enum { ECDSA_P256_SHA256 = 0x0403, MOST = 1024, WIRE = 16 * 1024 + 512 };

static const char *command;

static int complain(uptls_error *error) {
  fprintf(stderr, "%s: %s\nhint: %s\n", uptls_error_code(error), uptls_error_message(error), uptls_error_hint(error));
  uptls_error_free(error);
  return 1;
}

/* A message is smaller than a pipe holds, so that this can write first and then read. */
static size_t sign_by_token(uint16_t scheme, const uint8_t *message, size_t length, uint8_t *signature, size_t capacity) {
  int to[2], from[2], status;
  size_t count = 0;
  ssize_t got;
  pid_t child;
  if (scheme != ECDSA_P256_SHA256 || pipe(to) != 0) return 0;
  if (pipe(from) != 0) return close(to[0]), close(to[1]), 0;
  child = fork();
  if (child == 0) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    close(to[0]), close(to[1]), close(from[0]), close(from[1]);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  close(to[0]), close(from[1]);
  if (child > 0 && write(to[1], message, length) == (ssize_t)length) {
    close(to[1]), to[1] = -1;
    while (count < capacity && (got = read(from[0], signature + count, capacity - count)) > 0) count += (size_t)got;
  }
  if (to[1] >= 0) close(to[1]);
  close(from[0]);
  return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? count : 0;
}

static uptls_status sign(uptls_conn *conn, uptls_error **error) {
  uint8_t signature[MOST];
  const uint8_t *message;
  size_t length, count;
  uint16_t scheme;
  uptls_status status = uptls_conn_signature_wanted(conn, &scheme, &message, &length, error);
  if (status != UPTLS_OK) return status;
  count = sign_by_token(scheme, message, length, signature, sizeof signature);
  return uptls_conn_give_signature(conn, count > 0 ? signature : NULL, count, error);
}

static uptls_status log_keys(uptls_connector *connector, const char *path, uptls_error **error) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  uptls_status status = uptls_connector_log_keys(connector, fd, error);
  close(fd); /* the library has a descriptor of its own */
  return status;
}

/* The whole certificate: a token is a device, and its certificates are small. */
static uptls_status identity(uptls_builder *builder, const char *path, uptls_error **error) {
  uint8_t pem[16384];
  FILE *file = fopen(path, "rb");
  size_t length = file != NULL ? fread(pem, 1, sizeof pem, file) : 0;
  if (file != NULL) fclose(file);
  return uptls_builder_set_identity_signer(builder, pem, length, NULL, NULL, error);
}

static uptls_status connector_of(char **argv, uptls_connector **connector, uptls_error **error) {
  uptls_runtime *runtime = NULL;
  uptls_builder *builder = NULL;
  uptls_policy *policy = NULL;
  uptls_status status = uptls_runtime_new(&runtime, error);
  if (status == UPTLS_OK) status = uptls_builder_new(&builder, error);
  if (status == UPTLS_OK) status = uptls_builder_add_ca_file(builder, argv[1], error);
  if (status == UPTLS_OK) status = identity(builder, argv[2], error);
  if (status == UPTLS_OK) status = uptls_builder_build(builder, runtime, &policy, error);
  if (status == UPTLS_OK) status = uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, connector, error);
  uptls_policy_unref(policy);
  uptls_builder_free(builder);
  uptls_runtime_free(runtime);
  return status;
}

static int dial(const char *address, const char *port) {
  struct addrinfo hints, *found;
  int fd;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(address, port, &hints, &found) != 0) return -1;
  fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) close(fd), fd = -1;
  freeaddrinfo(found);
  return fd;
}

static void send_all(uptls_conn *conn, int fd) {
  char wire[WIRE];
  size_t got, sent;
  ssize_t count;
  while (uptls_conn_drain(conn, wire, sizeof wire, &got, NULL) == UPTLS_OK && got > 0)
    for (sent = 0; sent < got && (count = send(fd, wire + sent, got - sent, MSG_NOSIGNAL)) > 0;) sent += (size_t)count;
}

static uptls_status talk(uptls_conn *conn, int fd, const char *request, uptls_error **error) {
  char buffer[WIRE];
  size_t count, length = strlen(request);
  uptls_status status;
  for (;;) {
    send_all(conn, fd);
    if (uptls_conn_wants(conn) & UPTLS_WANTS_SIGNATURE) {
      if ((status = sign(conn, error)) < 0) return status; /* a loop would do other work meanwhile */
      continue;
    }
    if (length > 0 && uptls_conn_handshake_state(conn) == UPTLS_HANDSHAKE_DONE) {
      if ((status = uptls_conn_write(conn, request, length, &count, error)) < 0) return status;
      request += count, length -= count;
      continue;
    }
    while ((status = uptls_conn_read(conn, buffer, sizeof buffer, &count, error)) == UPTLS_OK) fwrite(buffer, 1, count, stdout);
    if (status != UPTLS_WANT_READ) return status;
    {
      ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      status = got > 0 ? uptls_conn_feed(conn, buffer, (size_t)got, &count, error) : uptls_conn_feed_eof(conn, error);
      if (status < 0) return status;
    }
  }
}

int main(int argc, char **argv) {
  char request[512];
  uptls_connector *connector = NULL;
  uptls_conn *conn = NULL;
  uptls_error *error;
  int fd, code = 0;

  if (argc != 7 && argc != 8) return fprintf(stderr, "usage: %s CA CERTIFICATE COMMAND HOST ADDRESS PORT [KEYS]\n", argv[0]), 2;
  signal(SIGPIPE, SIG_IGN); /* a token that does not read its message */
  command = argv[3];
  if ((fd = dial(argv[5], argv[6])) < 0) return perror(argv[5]), 1;
  snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n\r\n", argv[4]);
  if (connector_of(argv, &connector, &error) < 0 || (argc == 8 && log_keys(connector, argv[7], &error) < 0) ||
      uptls_conn_new(connector, argv[4], NULL, &conn, &error) < 0 || talk(conn, fd, request, &error) < 0) {
    code = complain(error);
  }
  if (conn != NULL) send_all(conn, fd);
  close(fd);
  uptls_conn_free(conn);
  uptls_connector_unref(connector);
  return code;
}
