/* Names, looked up by a resolver of this program's: one that answers, and one that does not. Arguments: policy, unix seconds, port
 * of an honest server. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>

static int gate[2];
static volatile sig_atomic_t takes_signals, asked;

static struct sockaddr_in loopback;
static struct addrinfo found;

/* In place of libc's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  sigset_t blocked;
  char byte;
  (void)service;
  (void)hints;
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0);
  takes_signals = !sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGALRM);
  asked = asked + 1;
  if (strcmp(node, "silent.example") == 0) CHECK(read(gate[0], &byte, 1) == 0); /* until it is closed */
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  found.ai_family = AF_INET;
  found.ai_socktype = SOCK_STREAM;
  found.ai_addr = (struct sockaddr *)&loopback;
  found.ai_addrlen = sizeof loopback;
  *result = &found;
  return 0;
}

void freeaddrinfo(struct addrinfo *result) { CHECK(result == &found); }

int main(int argc, char **argv) {
  uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL};
  uptls_connector *connector;
  uptls_stream *stream = NULL;
  uptls_error *error;
  sigset_t blocked;
  uint16_t port;
  char *report;
  CHECK(argc == 4 && pipe(gate) == 0);
  port = (uint16_t)atoi(argv[3]);
  connector = net_connector(argv[1], argv[2]);
  CHECK(uptls_stream_connect(connector, HOST, port, "answers.example", NULL, &stream, NULL) == UPTLS_OK);
  CHECK(asked == 1 && !takes_signals);
  uptls_stream_free(stream);
  /* The deadline ends the call, whatever the resolver does. */
  options.timeout_ms = 100;
  net_failed(uptls_stream_connect(connector, HOST, port, "silent.example", &options, &stream, &error), error, UPTLS_E_IO,
             "dns_failed");
  CHECK(stream == NULL);
  CHECK(uptls_connector_check(connector, HOST, port, "silent.example", &options, &report, NULL) == UPTLS_E_IO);
  CHECK(strstr(report, "dns_failed") != NULL);
  uptls_string_free(report);
  CHECK(asked == 2); /* both waited for one look-up */
  /* The thread of the caller is as it was. */
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 && !sigismember(&blocked, SIGTERM));
  close(gate[1]);
  options.timeout_ms = 0;
  CHECK(uptls_stream_connect(connector, HOST, port, "silent.example", &options, &stream, NULL) == UPTLS_OK);
  uptls_stream_free(stream);
  uptls_connector_unref(connector);
  return 0;
}
