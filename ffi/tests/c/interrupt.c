/* Calls that wait, ended from outside: by uptls_stream_cancel, by signals, by pthread_cancel. What can be asked of a stream
 * meanwhile; and one thread that reads while another writes. Arguments: policy, unix seconds, port of a server that echoes, port
 * of one that is silent. */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#include "net.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

enum { TOTAL = 1 << 20 };

static char out[TOTAL], in[TOTAL];

/* Lets other threads run, under valgrind too. */
static void nap(void) {
  struct timespec moment = {0, 1000000};
  nanosleep(&moment, NULL);
}

static uptls_stream *cancelled_by_handler;
static volatile sig_atomic_t alarms;
static void on_alarm(int number) {
  (void)number;
  alarms = alarms + 1;
  uptls_stream_cancel(cancelled_by_handler);
}

/* Without SA_RESTART: system calls end with EINTR. */
static void alarm_every(long microseconds) {
  struct itimerval often = {{0, 0}, {0, 0}};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_alarm;
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  often.it_interval.tv_usec = often.it_value.tv_usec = microseconds;
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

static uptls_stream *blocking(uptls_connector *connector, const char *port, uint64_t flags) {
  uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL};
  uptls_stream *stream;
  options.flags = flags;
  CHECK(uptls_stream_adopt_fd(connector, net_connect(port), HOST, UPTLS_FD_OWN, &options, &stream, NULL) == UPTLS_OK);
  return stream;
}

static void *read_one(void *stream) {
  uptls_error *error;
  uptls_status status;
  size_t got;
  char byte;
  /* The main thread may be inside for a moment. */
  while ((status = uptls_stream_read(stream, &byte, 1, &got, &error)) == UPTLS_E_USAGE) uptls_error_free(error);
  net_failed(status, error, UPTLS_E_CANCELLED, "cancelled");
  CHECK(got == 0);
  return NULL;
}

/* Until another thread is inside: one at a time reads. */
static void until_read(uptls_stream *stream) {
  uptls_error *error;
  size_t got;
  for (;;) {
    uptls_status status = uptls_stream_read(stream, NULL, 0, &got, &error);
    uptls_error_free(error);
    if (status == UPTLS_E_USAGE) return;
    CHECK(status == UPTLS_OK);
    nap();
  }
}

static void by_call(uptls_connector *connector, const char *port) {
  uptls_stream *stream = blocking(connector, port, 0);
  uptls_evidence *evidence;
  uptls_error *error;
  pthread_t thread;
  size_t count;
  CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
  CHECK(pthread_create(&thread, NULL, read_one, stream) == 0);
  until_read(stream);
  CHECK(uptls_stream_fd(stream) >= 0 && uptls_stream_handshake_state(stream) == UPTLS_HANDSHAKE_DONE);
  CHECK(uptls_stream_poll_events(stream) == POLLIN && !uptls_stream_pending(stream));
  CHECK(uptls_stream_timeout_ms(stream) == -1 && uptls_stream_expire(stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_evidence(stream, &evidence, NULL) == UPTLS_OK);
  uptls_evidence_unref(evidence);
  uptls_stream_cancel(stream);
  CHECK(pthread_join(thread, NULL) == 0);
  /* For good. */
  uptls_stream_cancel(stream);
  net_failed(uptls_stream_write(stream, "x", 1, &count, &error), error, UPTLS_E_CANCELLED, "cancelled");
  net_failed(uptls_stream_flush(stream, &error), error, UPTLS_E_CANCELLED, "cancelled");
  net_failed(uptls_stream_handshake(stream, &error), error, UPTLS_E_CANCELLED, "cancelled");
  CHECK(uptls_stream_shutdown(stream, NULL) == UPTLS_OK);
  uptls_stream_free(stream);
  uptls_stream_cancel(NULL);
}

static void *handshake(void *stream) {
  uptls_error *error;
  net_failed(uptls_stream_handshake(stream, &error), error, UPTLS_E_CANCELLED, "cancelled");
  return NULL;
}

static void in_handshake(uptls_connector *connector, const char *silent) {
  uptls_stream *stream = blocking(connector, silent, 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, handshake, stream) == 0);
  while (uptls_stream_poll_events(stream) != POLLIN) nap(); /* the ClientHello is sent */
  CHECK(uptls_stream_handshake_state(stream) == UPTLS_HANDSHAKE_RUNNING && uptls_stream_timeout_ms(stream) > 0);
  uptls_stream_cancel(stream);
  CHECK(pthread_join(thread, NULL) == 0);
  uptls_stream_free(stream);
}

static void by_signal(uptls_connector *connector, const char *port) {
  uptls_stream *stream = blocking(connector, port, UPTLS_CONNECT_INTERRUPTIBLE);
  size_t count;
  char byte;
  CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
  alarm_every(5000);
  read_one(stream);
  read_one(stream);
  CHECK(alarms > 0);
  alarm_every(0);
  /* The stream is as it was. */
  CHECK(uptls_stream_write(stream, "x", 1, &count, NULL) == UPTLS_OK && count == 1);
  CHECK(uptls_stream_read(stream, &byte, 1, &count, NULL) == UPTLS_OK && byte == 'x');
  uptls_stream_free(stream);
}

/* Also where signals end nothing. */
static void by_handler(uptls_connector *connector, const char *port) {
  uptls_stream *stream = blocking(connector, port, 0);
  CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
  cancelled_by_handler = stream;
  alarm_every(5000);
  read_one(stream);
  alarm_every(0);
  cancelled_by_handler = NULL;
  uptls_stream_free(stream);
}

static void bad_flags(uptls_connector *connector, const char *port) {
  uptls_connect_options options = {sizeof options, 0, NULL, NULL, 2, NULL};
  uptls_stream *stream;
  uptls_error *error;
  int fd = net_connect(port);
  net_failed(uptls_stream_adopt_fd(connector, fd, HOST, UPTLS_FD_OWN, &options, &stream, &error), error, UPTLS_E_USAGE,
             "misuse");
  close(fd);
}

#ifndef __SANITIZE_ADDRESS__
static void *read_and_end(void *stream) {
  read_one(stream);
  pthread_testcancel();
  return NULL;
}

typedef struct attempt {
  uptls_connector *connector;
  const char *port;
} attempt;

static void *connect_and_end(void *argument) {
  attempt *attempt = argument;
  uptls_connect_options options = {sizeof options, 300, NULL, NULL, 0, NULL};
  uptls_stream *stream;
  uptls_error *error;
  CHECK(pthread_cancel(pthread_self()) == 0); /* from the next cancellation point on */
  net_failed(uptls_stream_connect(attempt->connector, HOST, (uint16_t)atoi(attempt->port), "127.0.0.1", &options, &stream, &error),
             error, UPTLS_E_TIMEOUT, "handshake_timeout");
  pthread_testcancel();
  return NULL;
}

/* A thread that is cancelled leaves its call first. */
static void by_pthread_cancel(uptls_connector *connector, const char *port, const char *silent) {
  uptls_stream *stream = blocking(connector, port, 0);
  attempt attempt = {connector, silent};
  pthread_t thread;
  void *result = NULL;
  CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
  CHECK(pthread_create(&thread, NULL, read_and_end, stream) == 0);
  until_read(stream);
  CHECK(pthread_cancel(thread) == 0);
  uptls_stream_cancel(stream);
  CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
  uptls_stream_free(stream);
  CHECK(pthread_create(&thread, NULL, connect_and_end, &attempt) == 0);
  CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
}
#endif

static void *read_all(void *stream) {
  size_t used = 0, got;
  uptls_status status;
  char end;
  while ((status = uptls_stream_read(stream, in + used, TOTAL - used, &got, NULL)) == UPTLS_OK && got > 0) used += got;
  CHECK(used == TOTAL && status == UPTLS_OK); /* no room is left */
  CHECK(uptls_stream_read(stream, &end, 1, &got, NULL) == UPTLS_CLOSED);
  return NULL;
}

/* Both wait again and again: neither keeps the other out. */
static void reader_and_writer(uptls_connector *connector, const char *port) {
  uptls_stream *stream = blocking(connector, port, 0);
  size_t sent = 0, index, used;
  int small = 4096;
  pthread_t thread;
  for (index = 0; index < TOTAL; index++) out[index] = (char)(index * 13 + index / 509);
  CHECK(setsockopt(uptls_stream_fd(stream), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
  CHECK(uptls_stream_handshake(stream, NULL) == UPTLS_OK);
  CHECK(pthread_create(&thread, NULL, read_all, stream) == 0);
  while (sent < TOTAL) {
    CHECK(uptls_stream_write(stream, out + sent, TOTAL - sent, &used, NULL) == UPTLS_OK && used > 0);
    sent += used;
  }
  CHECK(uptls_stream_shutdown(stream, NULL) == UPTLS_OK);
  CHECK(shutdown(uptls_stream_fd(stream), SHUT_WR) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(memcmp(in, out, TOTAL) == 0);
  uptls_stream_free(stream);
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  CHECK(argc == 5);
  connector = net_connector(argv[1], argv[2]);
  by_call(connector, argv[3]);
  in_handshake(connector, argv[4]);
  by_signal(connector, argv[3]);
  by_handler(connector, argv[3]);
  bad_flags(connector, argv[3]);
#ifndef __SANITIZE_ADDRESS__ /* gcc's takes the end of a cancelled thread for a fault of its own stack */
  by_pthread_cancel(connector, argv[3], argv[4]);
#endif
  reader_and_writer(connector, argv[3]);
  uptls_connector_unref(connector);
  return 0;
}
