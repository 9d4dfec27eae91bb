/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Brings the scans of a spool to the daemon, in their order and by the batch, whenever it is there:
 * in the background of a loop that polls the client. Each answer is printed as it comes; a scan
 * that is rejected or refused is also written to FILE.rejected, with what stood against it, before
 * it leaves the spool.
 */
#ifndef CLI_UPLOAD_H
#define CLI_UPLOAD_H

#include "cli/cli.h"
#include "cli/spool.h"

struct cli_upload;

/* `path` is that of the spool. Both are borrowed; the client must be open. What goes wrong is
 * reported. */
enum cli_exit cli_upload_create(struct cli *cli, struct cli_spool *spool, const char *path,
                                struct cli_upload **upload) __attribute__((warn_unused_result));
/* NULL-safe; closes the client first. */
void cli_upload_destroy(struct cli_upload **upload);

/* Sends what there is, unless something is on its way or the daemon wants to be left alone; asked
 * for after every change of the spool and every rentbus_client_process(). */
void cli_upload_go(struct cli_upload *upload);
/* Forgets the last failure: what is asked for next is tried at once. */
void cli_upload_again(struct cli_upload *upload);
/* In how many milliseconds to ask again although nothing changes; -1: never. */
int cli_upload_wait_ms(const struct cli_upload *upload);

/* Whether nothing is left to send or to be answered. */
bool cli_upload_idle(const struct cli_upload *upload);
/* Why the last try failed, CLI_EXIT_OK when it did not; and why there can be no further one. */
enum cli_exit cli_upload_failed(const struct cli_upload *upload);
enum cli_exit cli_upload_broken(const struct cli_upload *upload);
/* The worst that the answers so far came to. */
enum cli_exit cli_upload_worst(const struct cli_upload *upload);

#endif
