/* Faults below a program, put there with LD_PRELOAD: in the folder that $DARTER_FAULTS names,
   a file "fail_sync" makes every sync fail as long as it is there, "hang_sync" makes it take as long
   as that, and "stop_sync" stops the process once, between what it wrote and the sync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void path_of(const char* name, char* path, size_t size) {
  const char* const folder = getenv("DARTER_FAULTS");
  snprintf(path, size, "%s/%s", folder == NULL ? "" : folder, name);
}

static int sync_with(const char* function, int descriptor) {
  char path[4096];
  path_of("stop_sync", path, sizeof path);
  if (unlink(path) == 0) raise(SIGSTOP);
  path_of("hang_sync", path, sizeof path);
  while (access(path, F_OK) == 0) usleep(2000);
  path_of("fail_sync", path, sizeof path);
  if (access(path, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, function);
  return real(descriptor);
}

int fsync(int descriptor) { return sync_with("fsync", descriptor); }
int fdatasync(int descriptor) { return sync_with("fdatasync", descriptor); }
