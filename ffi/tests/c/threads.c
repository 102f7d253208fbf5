/* One policy, several threads, each with a reference of its own. Arguments: policy, good chain, unix seconds. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 8 };

typedef struct task {
  uptls_policy *policy;
  const char *chain;
  size_t length;
  char *report;
} task;

static void *work(void *argument) {
  task *mine = argument;
  int round;
  for (round = 0; round < ROUNDS; round++) {
    uptls_string_free(mine->report);
    CHECK(uptls_policy_verify(mine->policy, (const uint8_t *)mine->chain, mine->length, NULL, &mine->report, NULL) ==
          UPTLS_OK);
  }
  uptls_policy_unref(mine->policy);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t threads[THREADS];
  task tasks[THREADS];
  uptls_runtime *runtime;
  uptls_policy *policy;
  size_t length;
  char *chain;
  int index;
  CHECK(argc == 4);
  chain = check_file(argv[2], &length);
  CHECK(uptls_runtime_new_at(strtoll(argv[3], NULL, 10), &runtime, NULL) == UPTLS_OK);
  CHECK(uptls_policy_from_file(runtime, argv[1], UPTLS_DANGER_FORBID, &policy, NULL) == UPTLS_OK);
  uptls_runtime_free(runtime);
  for (index = 0; index < THREADS; index++) {
    tasks[index].policy = uptls_policy_ref(policy);
    tasks[index].chain = chain;
    tasks[index].length = length;
    tasks[index].report = NULL;
    CHECK(pthread_create(&threads[index], NULL, work, &tasks[index]) == 0);
  }
  uptls_policy_unref(policy); /* the threads keep it */
  for (index = 0; index < THREADS; index++) {
    CHECK(pthread_join(threads[index], NULL) == 0);
    CHECK_TEXT(tasks[index].report, tasks[0].report);
  }
  for (index = 0; index < THREADS; index++) uptls_string_free(tasks[index].report);
  free(chain);
  return 0;
}
