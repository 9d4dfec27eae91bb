/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/server/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "daemon/config/address.h"
#include "sdk/protocol/codec.h"

#define LOCK_SUFFIX ".lock"
/* Owner and group may connect. */
#define SOCKET_UMASK 0117

int endpoint_lock(const char *path, int *lock_fd, struct rentbus_fault *fault)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int status = -errno;
        close(fd);
        if (status != -EWOULDBLOCK)
            return status;
        return rentbus_fault_set(fault, RENTBUS_ERROR_UNAVAILABLE, NULL,
                                 "in use by another rentbusd (it holds %s)", path);
    }
    *lock_fd = fd;
    return 0;
}

/* A program that takes no lock may listen on the path: ask it. */
static bool answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

static int lock_path(const char *path, int *lock_fd, struct rentbus_fault *fault)
{
    char lock[PATH_MAX];
    snprintf(lock, sizeof lock, "%s" LOCK_SUFFIX, path);
    int status = endpoint_lock(lock, lock_fd, fault);
    if (status)
        return status;
    struct stat file;
    if (lstat(path, &file) == 0 && !S_ISSOCK(file.st_mode))
        status = rentbus_fault_set(fault, RENTBUS_ERROR_UNAVAILABLE, NULL,
                                   "%s is a file and no socket", path);
    else if (answers(path))
        status = rentbus_fault_set(fault, RENTBUS_ERROR_UNAVAILABLE, NULL,
                                   "another program listens on %s", path);
    if (status) {
        close(*lock_fd);
        *lock_fd = -1;
    }
    return status;
}

int endpoint_bind(void *socket, const char *endpoint, int *lock_fd, struct rentbus_fault *fault)
{
    const char *path = address_ipc_path(endpoint);
    int status = 0;
    *lock_fd = -1;
    if (path)
        status = lock_path(path, lock_fd, fault);
    if (status)
        return status;
    char address[ADDRESS_SIZE];
    address_numeric(endpoint, address);
    mode_t mask = umask(SOCKET_UMASK);
    if (zmq_bind(socket, address))
        status = -zmq_errno();
    umask(mask);
    if (status == -EADDRINUSE)
        status = rentbus_fault_set(fault, RENTBUS_ERROR_UNAVAILABLE, NULL,
                                   "another program listens there");
    if (status && *lock_fd >= 0) {
        close(*lock_fd);
        *lock_fd = -1;
    }
    return status;
}

void endpoint_release(const char *endpoint, int *lock_fd)
{
    const char *path = address_ipc_path(endpoint);
    if (!path || *lock_fd < 0)
        return;
    unlink(path);
    close(*lock_fd);
    *lock_fd = -1;
}
