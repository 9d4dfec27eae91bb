/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/server/accept.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel gives the lowest number that is free: one from here on says that few are left. */
static atomic_int accept_end = INT_MAX;

void accept_set_descriptors(rlim_t descriptors)
{
    rlim_t spare = descriptors < 4 * ACCEPT_SPARE ? descriptors / 4 : ACCEPT_SPARE;
    rlim_t end = descriptors - spare;
    atomic_store(&accept_end, end < INT_MAX ? (int)end : INT_MAX);
}

/* Under the name by which libzmq looks for it. */
__attribute__((visibility("default"))) int accept_within(int fd, struct sockaddr *address,
                                                         socklen_t *length,
                                                         int flags) __asm__("accept4");

int accept_within(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    int accepted = (int)syscall(SYS_accept4, fd, address, length, flags);
    if (accepted >= 0 && accepted < atomic_load(&accept_end))
        return accepted;
    if (accepted >= 0)
        close(accepted);
    if (accepted >= 0 || errno == EMFILE)
        errno = ECONNABORTED;
    return -1;
}
