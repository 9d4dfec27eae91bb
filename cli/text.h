/* SPDX-License-Identifier: MPL-2.0 */
/* Text that is safe to show, and words that are nearly the same. Pure. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <rentbus/rentbus.h>

/* Copies text for a terminal or for JSON: control characters and bytes that are not UTF-8 become
 * \xNN, and what does not fit into `size` bytes with its NUL is cut. Returns `out`. */
char *cli_text_clean(struct rentbus_text text, char *out, size_t size);

/* How many single-letter changes lead from one word to the other, for suggestions. Words of 64
 * bytes or more are far from everything: SIZE_MAX. */
size_t cli_text_distance(const char *a, const char *b);
/* Keeps in *best the candidate nearest to `word`; `*best_distance` begins as CLI_TEXT_NEAR(word),
 * and what is not nearer than that is no suggestion. */
#define CLI_TEXT_NEAR(word) (strlen(word) / 3 + 2)
void cli_text_nearer(const char *word, const char *candidate, const char **best,
                     size_t *best_distance);

#endif
