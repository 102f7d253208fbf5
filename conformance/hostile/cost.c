/* Runs a program and writes what it cost: cost FILE PROGRAM ARGUMENT...
 *
 * The kernel counts for a process the most memory of the one that started it, too. So a small one must start it.
 * FILE gets the exit status (negative: the signal), the microseconds of processor, and the most KiB of memory.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long long microseconds(struct timeval time) { return time.tv_sec * 1000000LL + time.tv_usec; }

int main(int argc, char **argv) {
  struct rusage usage;
  int status;
  pid_t child;
  FILE *file;
  if (argc < 3) return 2;
  child = fork();
  if (child == 0) {
    execv(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) < 0 || (file = fopen(argv[1], "w")) == NULL) return 2;
  fprintf(file, "%d %lld %ld\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status),
          microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss);
  return fclose(file) == 0 ? 0 : 2;
}
