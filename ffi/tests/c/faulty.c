/* What the sanitizers must find: an error object that is never freed, and one that is read after it was freed.
 * Argument: none, leak or address. */
#include "check.h"

static uptls_error *failure(void) {
  uptls_error *error;
  CHECK(uptls_runtime_new(NULL, &error) == UPTLS_E_USAGE);
  return error;
}

int main(int argc, char **argv) {
  uptls_error *error = failure();
  const char *code = uptls_error_code(error);
  CHECK(argc == 2);
  CHECK_TEXT(code, "misuse");
  if (strcmp(argv[1], "leak") == 0) {
    code = NULL;
    error = failure();
    memset(&error, 0, sizeof error);
  }
  uptls_error_free(error);
  return strcmp(argv[1], "address") == 0 && code[0] != 'm';
}
