/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/command_line.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>

/* Where a standard stream is closed, a socket would take its number and receive what is printed.
 * The stand-ins refuse to be used the way the stream is. */
static void fill_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", modes[fd]) != fd)
            return;
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    setlocale(LC_CTYPE, "");
    /* Everything here is UTF-8; under another locale tables would show its bytes. */
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    return (int)cli_main(argc, argv);
}
