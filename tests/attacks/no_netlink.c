/* A sandbox without AF_NETLINK, as RestrictAddressFamilies of systemd.exec(5) makes one. Preloaded into the program. */

#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int socket(int domain, int type, int protocol) {
  if (domain != AF_NETLINK) return (int)syscall(SYS_socket, domain, type, protocol);
  errno = EAFNOSUPPORT;
  return -1;
}
