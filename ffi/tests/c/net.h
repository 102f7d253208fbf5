/* What the C tests with sockets share: connecting to a port of this machine, and the request that the server answers. */
#ifndef NET_H
#define NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define HOST "payments.internal"
static const char REQUEST[] = "GET / HTTP/1.0\r\n\r\n";
static const char BODY[] = "hello from the testkit\n";

/* A connected socket that blocks. */
static inline int net_connect(const char *port) {
  struct sockaddr_in address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)atoi(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

static inline void net_unblock(int fd) { CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0); }

/* A connector by the policy file `path`, at `seconds`. */
static inline uptls_connector *net_connector(const char *path, const char *seconds) {
  uptls_runtime *runtime;
  uptls_policy *policy;
  uptls_connector *connector;
  CHECK(uptls_runtime_new_at(strtoll(seconds, NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_file(runtime, path, UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  CHECK(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &connector, NULL) == UPTLS_OK);
  uptls_policy_unref(policy); /* each keeps what it needs */
  uptls_runtime_free(runtime);
  return connector;
}

/* The status is the wanted one, and so is the code. Frees the error. */
static inline void net_check_failed(uptls_status status, uptls_error *error, uptls_status wanted, const char *code) {
  if (status != wanted || error == NULL || strcmp(uptls_error_code(error), code) != 0) {
    fprintf(stderr, "status %d, %s: %s; wanted %d, %s\n", status, error == NULL ? "no error" : uptls_error_code(error),
            error == NULL ? "" : uptls_error_message(error), wanted, code);
    exit(1);
  }
  CHECK(uptls_error_status(error) == wanted);
  uptls_error_free(error);
}

/* The call fails so; it is made before its error is looked at. */
#define net_failed(call, error, wanted, code)            \
  do {                                                   \
    uptls_status net_status = (call);                    \
    net_check_failed(net_status, (error), wanted, code); \
  } while (0)

#endif
