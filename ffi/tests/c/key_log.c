/* The key log, by an explicit call alone. Arguments: policy, unix seconds, port of an honest server, and the path of a file to make. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Whether the report of a connection has the warning. */
static int connect_and_look(uptls_connector *connector, const char *port) {
  uptls_stream *stream;
  char *report;
  int found;
  CHECK(uptls_stream_connect(connector, HOST, (uint16_t)atoi(port), "127.0.0.1", NULL, &stream, NULL) == UPTLS_OK);
  CHECK(uptls_stream_report(stream, &report, NULL) == UPTLS_OK);
  found = strstr(report, "keys_logged") != NULL;
  uptls_string_free(report);
  uptls_stream_free(stream);
  return found;
}

static off_t size(int fd) {
  struct stat facts;
  CHECK(fstat(fd, &facts) == 0);
  return facts.st_size;
}

int main(int argc, char **argv) {
  uptls_connector *connector;
  uptls_error *error;
  char text[4096] = "";
  int fd, ends[2];
  off_t logged;
  CHECK(argc == 5);
  connector = net_connector(argv[1], argv[2]);
  fd = open(argv[4], O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
  CHECK(fd >= 0 && pipe(ends) == 0);
  /* No environment variable turns it on. */
  CHECK(setenv("SSLKEYLOGFILE", argv[4], 1) == 0);
  CHECK(!uptls_connector_logs_keys(connector) && !connect_and_look(connector, argv[3]) && size(fd) == 0);
  CHECK(uptls_connector_log_keys(connector, fd, NULL) == UPTLS_OK && uptls_connector_logs_keys(connector));
  CHECK(connect_and_look(connector, argv[3]));
  logged = size(fd);
  CHECK(pread(fd, text, sizeof text - 1, 0) == logged);
  CHECK(strstr(text, "SERVER_TRAFFIC_SECRET_0 ") != NULL && text[logged - 1] == '\n');
  /* What does not suit changes nothing. */
  net_failed(uptls_connector_log_keys(connector, ends[1], &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_connector_log_keys(connector, 9999, &error), error, UPTLS_E_USAGE, "misuse");
  net_failed(uptls_connector_log_keys(connector, -2, &error), error, UPTLS_E_USAGE, "misuse");
  CHECK(uptls_connector_logs_keys(connector));
  CHECK(uptls_connector_log_keys(connector, -1, NULL) == UPTLS_OK && !uptls_connector_logs_keys(connector));
  CHECK(!connect_and_look(connector, argv[3]) && size(fd) == logged);
  CHECK(!uptls_connector_logs_keys(NULL));
  close(fd);
  close(ends[0]);
  close(ends[1]);
  uptls_connector_unref(connector);
  return 0;
}
