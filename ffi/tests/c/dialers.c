/* The ways of uptls_stream_connect: each is judged by the same policy, and nothing is tried without it.
 * Arguments: policy, unix seconds, port of the honest server, of another's, of a proxy that makes tunnels, of one that refuses, of one
 * that says too much, of a server behind a header of the PROXY protocol, and the path of a Unix socket. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <time.h>

enum { HONEST = 3, OTHER, TUNNEL, REFUSES, SAYS_TOO_MUCH, HEADER, UNIX };

static char **arguments;

static uint16_t port(int which) { return (uint16_t)atoi(arguments[which]); }

/* By a dialer, for an hour: no wait here ends by the clock. */
static uptls_status try(uptls_connector *connector, uptls_dialer *dialer, const char *to, uint16_t at, uptls_stream **stream,
                        uptls_error **error) {
  uptls_connect_options options = {sizeof options, 3600000, NULL, NULL, 0, NULL};
  options.dialer = dialer;
  return uptls_stream_connect(connector, HOST, at, to, &options, stream, error);
}

static void is_judged(uptls_connector *connector, uptls_dialer *dialer, const char *to, uint16_t at) {
  char answer[256];
  uptls_stream *stream;
  size_t count, total = 0;
  uptls_error *error;
  if (try(connector, dialer, to, at, &stream, &error) != UPTLS_OK) {
    fprintf(stderr, "%s: %s\n", uptls_error_code(error), uptls_error_message(error));
    exit(1);
  }
  CHECK(uptls_stream_write(stream, REQUEST, strlen(REQUEST), &count, NULL) == UPTLS_OK && count == strlen(REQUEST));
  while (uptls_stream_read(stream, answer + total, sizeof answer - total - 1, &count, NULL) == UPTLS_OK) total += count;
  answer[total] = '\0';
  CHECK(strstr(answer, BODY) != NULL);
  uptls_stream_free(stream);
}

static void fails(uptls_connector *connector, uptls_dialer *dialer, const char *to, uint16_t at, uptls_status wanted,
                  const char *code) {
  uptls_stream *stream = NULL;
  uptls_error *error;
  net_failed(try(connector, dialer, to, at, &stream, &error), error, wanted, code);
  CHECK(stream == NULL);
}

static uptls_dialer *tcp(const char *sources) {
  uptls_dialer *dialer;
  CHECK(uptls_dialer_new_tcp(sources, 0, &dialer, NULL) == UPTLS_OK);
  return dialer;
}

static uptls_dialer *through(int which) {
  uptls_dialer *dialer = tcp(NULL);
  CHECK(uptls_dialer_set_http_proxy(dialer, "127.0.0.1", port(which), "Basic dXNlcjpwYXNzd29yZA==", NULL) == UPTLS_OK);
  return dialer;
}

static void sources(uptls_connector *connector) {
  uptls_dialer *dialer = tcp("127.0.0.2,::1");
  uptls_stream *stream;
  uptls_error *error;
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  is_judged(connector, dialer, "127.0.0.1", port(HONEST));
  CHECK(try(connector, dialer, "127.0.0.1", port(HONEST), &stream, NULL) == UPTLS_OK);
  CHECK(getsockname(uptls_stream_fd(stream), (struct sockaddr *)&from, &length) == 0);
  CHECK(from.sin_addr.s_addr == htonl(INADDR_LOOPBACK + 1));
  uptls_stream_free(stream);
  /* The name is judged, wherever the socket comes from. */
  fails(connector, dialer, "127.0.0.1", port(OTHER), UPTLS_E_NAME, "name_mismatch");
  uptls_dialer_free(dialer);
  dialer = tcp("192.0.2.1"); /* not ours */
  fails(connector, dialer, "127.0.0.1", port(HONEST), UPTLS_E_LOCAL, "local_resources");
  uptls_dialer_free(dialer);
  net_failed(uptls_dialer_new_tcp("localhost", 0, &dialer, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_dialer_new_tcp("", 0, &dialer, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(dialer == NULL);
}

/* A process that may not mark its packets has no connection without the mark. */
static void marks(uptls_connector *connector) {
#ifdef SO_MARK
  int fd = socket(AF_INET, SOCK_STREAM, 0), mark = 42;
  int permitted = setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
  uptls_dialer *dialer;
  close(fd);
  CHECK(uptls_dialer_new_tcp(NULL, 42, &dialer, NULL) == UPTLS_OK);
  if (permitted) is_judged(connector, dialer, "127.0.0.1", port(HONEST));
  else fails(connector, dialer, "127.0.0.1", port(HONEST), UPTLS_E_LOCAL, "local_resources");
  uptls_dialer_free(dialer);
#else
  (void)connector;
#endif
}

static void unix_sockets(uptls_connector *connector) {
  uptls_dialer *dialer;
  CHECK(uptls_dialer_new_unix(arguments[UNIX], &dialer, NULL) == UPTLS_OK);
  is_judged(connector, dialer, NULL, 1); /* neither host nor port is dialled */
  uptls_dialer_free(dialer);
  CHECK(uptls_dialer_new_unix("/nonexistent/backend.sock", &dialer, NULL) == UPTLS_OK);
  fails(connector, dialer, "127.0.0.1", port(HONEST), UPTLS_E_IO, "tcp_refused");
  uptls_dialer_free(dialer);
}

static void proxies(uptls_connector *connector) {
  uptls_dialer *dialer = through(TUNNEL);
  uptls_error *error;
  /* The proxy resolves the name: this host could not. */
  is_judged(connector, dialer, "backend.invalid", 443);
  /* The proxy stays where it was set, and where it was not changed. */
  net_failed(uptls_dialer_set_http_proxy(dialer, "127.0.0.1", 1, "x\r\ny: z", &error), error, UPTLS_E_USAGE, "misuse");
  is_judged(connector, dialer, "backend.invalid", 443);
  fails(connector, dialer, "no host", 443, UPTLS_E_USAGE, "misuse");
  uptls_dialer_free(dialer);
  dialer = through(REFUSES);
  fails(connector, dialer, "backend.invalid", 443, UPTLS_E_IO, "tcp_refused");
  uptls_dialer_free(dialer);
  dialer = through(SAYS_TOO_MUCH);
  fails(connector, dialer, "backend.invalid", 443, UPTLS_E_IO, "tcp_refused");
  uptls_dialer_free(dialer);
}

static void headers(uptls_connector *connector) {
  uptls_dialer *dialer = tcp(NULL);
  uptls_stream *stream;
  uptls_error *error;
  CHECK(uptls_dialer_set_proxy_header(dialer, "192.0.2.7", 41000, "198.51.100.1", 443, NULL) == UPTLS_OK);
  is_judged(connector, dialer, "127.0.0.1", port(HEADER));
  /* The twins: another header, and one client without a frontend. */
  CHECK(uptls_dialer_set_proxy_header(dialer, NULL, 0, NULL, 0, NULL) == UPTLS_OK);
  CHECK(try(connector, dialer, "127.0.0.1", port(HEADER), &stream, &error) == UPTLS_E_IO && stream == NULL);
  uptls_error_free(error);
  net_failed(uptls_dialer_set_proxy_header(dialer, "192.0.2.7", 1, NULL, 0, &error), error, UPTLS_E_USAGE, "misuse");
  uptls_dialer_free(dialer);
}

/* A resolver of this program's own, for the library too: two addresses, of which the first takes no connection. */
static struct sockaddr_in told[2];
static struct addrinfo answers[2];

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
  size_t index;
  (void)service, (void)hints;
  if (strcmp(name, "several.test") != 0) return EAI_NONAME;
  memset(told, 0, sizeof told);
  memset(answers, 0, sizeof answers);
  for (index = 0; index < 2; index++) {
    told[index].sin_family = AF_INET;
    told[index].sin_addr.s_addr = htonl(INADDR_LOOPBACK + (index == 0 ? 1 : 0));
    answers[index].ai_family = AF_INET;
    answers[index].ai_socktype = SOCK_STREAM;
    answers[index].ai_addrlen = sizeof told[index];
    answers[index].ai_addr = (struct sockaddr *)&told[index];
  }
  answers[0].ai_next = &answers[1];
  *out = answers;
  return 0;
}

void freeaddrinfo(struct addrinfo *list) { (void)list; }

/* A socket that listens at 127.0.0.2 on the port of the honest server, with a full queue; those in it are never accepted. */
static int silence(int *waiting, int most) {
  struct sockaddr_in address;
  struct pollfd entry;
  int listener = socket(AF_INET, SOCK_STREAM, 0), count = 0;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port(HONEST));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 0) == 0);
  do {
    CHECK(count < most);
    waiting[count] = entry.fd = socket(AF_INET, SOCK_STREAM, 0);
    net_unblock(entry.fd);
    entry.events = POLLOUT;
    (void)connect(entry.fd, (struct sockaddr *)&address, sizeof address);
    count++;
  } while (poll(&entry, 1, 300) != 0);
  waiting[count] = listener;
  return count + 1;
}

/* RFC 8305. The connect may take an hour, and has one dead address before the good one: it ends because the second begins beside
 * the first. The figure is printed, and no judgement hangs on it. */
static void second_address(uptls_connector *connector) {
  int waiting[18], count = silence(waiting, 17);
  struct sockaddr_in reached;
  socklen_t length = sizeof reached;
  struct timespec before, after;
  uptls_stream *stream;
  clock_gettime(CLOCK_MONOTONIC, &before);
  CHECK(try(connector, NULL, "several.test", port(HONEST), &stream, NULL) == UPTLS_OK);
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK(getpeername(uptls_stream_fd(stream), (struct sockaddr *)&reached, &length) == 0);
  CHECK(reached.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  printf("connected past a dead first address in %ld ms\n",
         (long)((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000));
  uptls_stream_free(stream);
  /* The twin: a name that is none has no address at all. */
  fails(connector, NULL, "unknown.test", port(HONEST), UPTLS_E_IO, "dns_failed");
  while (count > 0) close(waiting[--count]);
}

/* What the hook saw, and what it shall return. */
struct hooked {
  int calls, result;
};

static int set_nodelay(void *context, int fd) {
  struct hooked *hooked = context;
  int off = 0;
  hooked->calls++;
  CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off) == 0);
  return hooked->result;
}

/* The hook has the connected socket before TLS. If it fails, the peer gets no byte, and nothing is tried without it. */
static void hooks(uptls_connector *connector) {
  struct {
    int result;
    uptls_status status;
    const char *code;
  } failures[] = {{EPERM, UPTLS_E_LOCAL, "local_resources"}, {-1, UPTLS_E_LOCAL, "local_resources"}, {ECONNRESET, UPTLS_E_IO, "tcp_refused"}};
  struct hooked hooked = {0, 0};
  uptls_dialer *dialer = tcp(NULL);
  uptls_stream *stream;
  char *local, *peer, wanted[32];
  int value = 1;
  size_t index;
  socklen_t length = sizeof value;
  CHECK(uptls_dialer_set_hook(dialer, set_nodelay, &hooked, NULL) == UPTLS_OK);
  is_judged(connector, dialer, "127.0.0.1", port(HONEST));
  fails(connector, dialer, "127.0.0.1", port(OTHER), UPTLS_E_NAME, "name_mismatch");
  CHECK(hooked.calls == 2);
  CHECK(try(connector, dialer, "127.0.0.1", port(HONEST), &stream, NULL) == UPTLS_OK);
  CHECK(getsockopt(uptls_stream_fd(stream), IPPROTO_TCP, TCP_NODELAY, &value, &length) == 0 && value == 0);
  CHECK(uptls_stream_local_address(stream, &local, NULL) == UPTLS_OK && strncmp(local, "127.0.0.1:", 10) == 0);
  CHECK(uptls_stream_peer_address(stream, &peer, NULL) == UPTLS_OK);
  snprintf(wanted, sizeof wanted, "127.0.0.1:%u", (unsigned)port(HONEST));
  CHECK_TEXT(peer, wanted);
  CHECK(strcmp(local, peer) != 0);
  uptls_string_free(local);
  uptls_string_free(peer);
  uptls_stream_free(stream);
  for (index = 0; index < sizeof failures / sizeof *failures; index++) {
    hooked.result = failures[index].result;
    fails(connector, dialer, "127.0.0.1", port(HONEST), failures[index].status, failures[index].code);
  }
  CHECK(hooked.calls == 6);
  uptls_dialer_free(dialer);
}

/* A Unix socket has no network address. */
static void nowhere(uptls_connector *connector) {
  uptls_dialer *dialer;
  uptls_stream *stream;
  uptls_error *error;
  char *address;
  CHECK(uptls_dialer_new_unix(arguments[UNIX], &dialer, NULL) == UPTLS_OK);
  CHECK(try(connector, dialer, NULL, 1, &stream, NULL) == UPTLS_OK);
  net_failed(uptls_stream_local_address(stream, &address, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_stream_peer_address(stream, &address, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(address == NULL);
  uptls_stream_free(stream);
  uptls_dialer_free(dialer);
}

/* A dial of the program's own is a connected socket. */
static void own_way(uptls_connector *connector) {
  uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL};
  uptls_dialer *dialer = tcp(NULL);
  uptls_stream *stream;
  uptls_error *error;
  int fd = net_connect(arguments[HONEST]);
  options.dialer = dialer;
  net_failed(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_BORROW, &options, &stream, &error), error, UPTLS_E_USAGE,
             "misuse");
  options.dialer = NULL;
  CHECK(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_OWN, &options, &stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
  uptls_stream_free(stream);
  uptls_dialer_free(dialer);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc == 10);
  arguments = argv;
  connector = net_connector(argv[1], argv[2]);
  sources(connector);
  marks(connector);
  unix_sockets(connector);
  proxies(connector);
  headers(connector);
  second_address(connector);
  hooks(connector);
  nowhere(connector);
  own_way(connector);
  uptls_connector_unref(connector);
  return 0;
}
