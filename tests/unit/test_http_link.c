/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/link.h"

static void assert_link(const char *path, const char *query, const char *expected)
{
    char *link = http_link_next(path, query, 42);
    assert_non_null(link);
    assert_string_equal(link, expected);
    free(link);
}

static void the_next_page_is_asked_for_as_this_one_was(void **state)
{
    (void)state;
    assert_link("/events", NULL, "</events?from_seq=42>; rel=\"next\"");
    assert_link("/events", "", "</events?from_seq=42>; rel=\"next\"");
    assert_link("/events", "limit=2&type=A&type=B",
                "</events?limit=2&type=A&type=B&from_seq=42>; rel=\"next\"");
    assert_link("/users/a%2Fb/history", "&&limit=2&",
                "</users/a%2Fb/history?limit=2&from_seq=42>; rel=\"next\"");
}

static void but_for_where_it_begins(void **state)
{
    (void)state;
    assert_link("/events", "from_seq=7&limit=2", "</events?limit=2&from_seq=42>; rel=\"next\"");
    assert_link("/events", "limit=2&since=2025-02-10T11:00:00Z",
                "</events?limit=2&from_seq=42>; rel=\"next\"");
    assert_link("/events", "from%5Fseq=7&%73ince=x", "</events?from_seq=42>; rel=\"next\"");
    assert_link("/events", "since", "</events?from_seq=42>; rel=\"next\"");
    assert_link("/events", "sinces=1&from_se=2&%=3",
                "</events?sinces=1&from_se=2&%=3&from_seq=42>; rel=\"next\"");
}

static void nothing_of_it_ends_the_header(void **state)
{
    (void)state;
    assert_link("/users/>\"<x/history", "type=a>b\xc3\xa4 \r\n\x7f",
                "</users/%3E%22%3Cx/history?type=a%3Eb%C3%A4%20%0D%0A%7F&from_seq=42>; "
                "rel=\"next\"");
}

static void there_is_none_that_a_head_has_no_room_for(void **state)
{
    char query[HTTP_LINK_MAX + 1];
    (void)state;
    memset(query, 'a', HTTP_LINK_MAX);
    query[HTTP_LINK_MAX] = '\0';
    assert_null(http_link_next("/events", query, 42));
    query[HTTP_LINK_MAX - 100] = '\0';
    char *link = http_link_next("/events", query, UINT64_MAX);
    assert_non_null(link);
    free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_page_is_asked_for_as_this_one_was),
        cmocka_unit_test(but_for_where_it_begins),
        cmocka_unit_test(nothing_of_it_ends_the_header),
        cmocka_unit_test(there_is_none_that_a_head_has_no_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
