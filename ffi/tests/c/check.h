/* What the C tests share: CHECK ends the program with the line that failed; reading a whole file or stream. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uptls.h>

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);  \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

#define CHECK_TEXT(got, wanted)                                                      \
  do {                                                                               \
    const char *check_got = (got);                                                   \
    if (check_got == NULL || strcmp(check_got, (wanted)) != 0) {                     \
      fprintf(stderr, "%s:%d: %s is \"%s\", wanted \"%s\"\n", __FILE__, __LINE__,    \
              #got, check_got == NULL ? "NULL" : check_got, (wanted));               \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

/* The rest of a stream, with a NUL behind it; to be freed. */
static inline char *check_read(FILE *stream, size_t *length) {
  size_t capacity = 1 << 16, used = 0, got;
  char *text = malloc(capacity);
  CHECK(text != NULL);
  while ((got = fread(text + used, 1, capacity - used - 1, stream)) > 0) {
    used += got;
    if (used + 1 == capacity) {
      capacity *= 2;
      text = realloc(text, capacity);
      CHECK(text != NULL);
    }
  }
  text[used] = '\0';
  *length = used;
  return text;
}

/* A whole file, with a NUL behind it; to be freed. */
static inline char *check_file(const char *path, size_t *length) {
  FILE *stream = fopen(path, "rb");
  char *text;
  CHECK(stream != NULL);
  text = check_read(stream, length);
  fclose(stream);
  return text;
}

#endif
