/* SPDX-License-Identifier: MPL-2.0 */
/* Stands in for libFuzzer: runs every file of the folders given through the target once, so that
 * the corpus, past crashes with it, is a regression test under any compiler. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int input_run(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);
    uint8_t *exact = NULL;
    int error = -EIO;
    if (file && data) {
        size_t size = fread(data, 1, INPUT_MAX, file);
        /* A buffer of just this size, so that a read beyond it is seen. */
        exact = malloc(size ? size : 1);
        if (exact && !ferror(file)) {
            memcpy(exact, data, size);
            LLVMFuzzerTestOneInput(exact, size);
            error = 0;
        }
    }
    free(exact);
    free(data);
    if (file)
        fclose(file);
    if (error)
        fprintf(stderr, "%s: cannot be read\n", path);
    return error;
}

static int folder_run(const char *folder, size_t *count)
{
    DIR *directory = opendir(folder);
    int error = 0;
    if (!directory) {
        perror(folder);
        return -errno;
    }
    for (struct dirent *entry; !error && (entry = readdir(directory));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        fprintf(stderr, "%s\n", path);
        error = input_run(path);
        (*count)++;
    }
    closedir(directory);
    return error;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int error = 0;
    for (int i = 1; i < argc && !error; i++)
        error = folder_run(argv[i], &count);
    fprintf(stderr, "%zu inputs\n", count);
    return error || count == 0;
}
