/* A child that is forked while other threads use the library can use it too. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool stop;

/* Handles enough to meet every lock of the registry. */
static bool works(void) {
  rag_options *all[64] = {NULL};
  bool good = true;
  for (int i = 0; i < 64; i++) good &= rag_options_new(&all[i], NULL) == RAG_STATUS_OK;
  for (int i = 0; i < 64; i++) good &= rag_options_free(all[i]) == RAG_STATUS_OK;
  return good;
}

static void *busy(void *unused) {
  while (!atomic_load(&stop))
    if (!works()) return unused;
  return NULL;
}

TEST(children_of_a_busy_process) {
  pthread_t threads[6];
  int failed = 0;
  /* The first handle makes the library ready for forks. */
  CHECK(works());
  for (int i = 0; i < 6; i++) pthread_create(&threads[i], NULL, busy, &stop);
  for (int i = 0; i < 400 && failed == 0; i++) {
    pid_t child = fork();
    if (child == 0) {
      /* A child that hangs is ended by the clock and counts as failed. */
      alarm(20);
      _exit(works() ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  }
  CHECK(failed == 0);
  atomic_store(&stop, true);
  for (int i = 0; i < 6; i++) {
    void *said = NULL;
    pthread_join(threads[i], &said);
    CHECK(said == NULL);
  }
}

int main(void) {
  RUN(children_of_a_busy_process);
  return FINISH();
}
