/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/webhook_client.h"

#include "cli/lambda_loop.h"
#include "cli/lambda_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READY_MAX 64
#define CONTENT_TYPE "Content-Type: application/cloudevents+json"
#define USER_AGENT "rentbus/" RENTBUS_VERSION

struct webhook_client {
    const struct webhook_settings *settings;
    const struct webhook_curl *curl;
    uint32_t timeout_ms;
    CURLM *multi;
    int epoll; /* holds the sockets of libcurl, which come and go as it likes */
    int64_t due;
};

struct webhook_request {
    struct webhook_client *client;
    void *owner;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    bool started;
    size_t head_count; /* bytes of the answer so far */
    size_t body_count;
    struct webhook_answer answer;
    char error[CURL_ERROR_SIZE];
};

/* ---- what libcurl calls ---- */

static int socket_watch(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
    struct webhook_client *client = context;
    struct epoll_event wanted = {.data.fd = fd};
    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(client->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        wanted.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        wanted.events |= EPOLLOUT;
    if (epoll_ctl(client->epoll, EPOLL_CTL_MOD, fd, &wanted) == 0)
        return 0;
    return errno == ENOENT && epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &wanted) == 0 ? 0 : -1;
}

static int timer_set(CURLM *multi, long wait_ms, void *context)
{
    struct webhook_client *client = context;
    (void)multi;
    client->due = wait_ms < 0 ? INT64_MAX : lambda_loop_now() + wait_ms;
    return 0;
}

static void retry_after_keep(struct webhook_answer *answer, struct rentbus_text value)
{
    while (value.length > 0 && strchr(" \t", value.data[0])) {
        value.data++;
        value.length--;
    }
    while (value.length > 0 && strchr(" \t\r\n", value.data[value.length - 1]))
        value.length--;
    if (value.length < sizeof(answer->retry_after))
        snprintf(answer->retry_after, sizeof(answer->retry_after), "%.*s",
                 RENTBUS_TEXT_ARGS(value));
}

/* A line of the header. An answer may have several headers: the last one counts. */
static size_t head_take(char *bytes, size_t size, size_t count, void *context)
{
    static const char name[] = "Retry-After:";
    struct webhook_request *request = context;
    size_t length = size * count;
    request->head_count += length;
    if (request->head_count > WEBHOOK_HEAD_MAX)
        return 0;
    if (rentbus_text_begins((struct rentbus_text){bytes, length}, "HTTP/"))
        request->answer.retry_after[0] = '\0';
    if (length >= strlen(name) && strncasecmp(bytes, name, strlen(name)) == 0)
        retry_after_keep(&request->answer,
                         (struct rentbus_text){bytes + strlen(name), length - strlen(name)});
    return length;
}

static size_t body_take(char *bytes, size_t size, size_t count, void *context)
{
    struct webhook_request *request = context;
    struct handler_tail *kept = &request->answer.body;
    size_t length = size * count;
    size_t room = sizeof(kept->bytes) - kept->length;
    handler_tail_add(kept, bytes, length < room ? length : room);
    request->body_count += length;
    return request->body_count <= WEBHOOK_BODY_MAX ? length : 0;
}

/* ---- the client ---- */

static int multi_prepare(struct webhook_client *client)
{
    const struct webhook_curl *curl = client->curl;
    CURLM *multi = client->multi;
    CURLMcode failed = curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_watch);
    failed = failed ? failed : curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    failed = failed ? failed : curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_set);
    failed = failed ? failed : curl->multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    /* Otherwise it closes most of them whenever there is little to do. */
    failed = failed ? failed
                    : curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)LAMBDA_CONCURRENCY_MAX);
    return failed ? -EIO : 0;
}

int webhook_client_open(const struct webhook_settings *settings, uint32_t timeout_ms,
                        struct webhook_client **client)
{
    struct webhook_client *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;
    *opened = (struct webhook_client){.settings = settings,
                                      .curl = settings->curl,
                                      .timeout_ms = timeout_ms,
                                      .multi = settings->curl->multi_init(),
                                      .epoll = epoll_create1(EPOLL_CLOEXEC),
                                      .due = INT64_MAX};
    int error = opened->epoll < 0 ? -errno : 0;
    if (error == 0)
        error = opened->multi ? multi_prepare(opened) : -ENOMEM;
    if (error)
        webhook_client_destroy(&opened);
    else
        *client = opened;
    return error;
}

void webhook_client_destroy(struct webhook_client **client)
{
    struct webhook_client *closed = *client;
    *client = NULL;
    if (!closed)
        return;
    if (closed->multi)
        closed->curl->multi_cleanup(closed->multi);
    if (closed->epoll >= 0)
        close(closed->epoll);
    free(closed);
}

int webhook_client_fd(const struct webhook_client *client)
{
    return client->epoll;
}

int64_t webhook_client_due(const struct webhook_client *client)
{
    return client->due;
}

static int client_act(struct webhook_client *client, curl_socket_t fd, int what)
{
    int running;
    CURLMcode code = client->curl->multi_socket_action(client->multi, fd, what, &running);
    return code == CURLM_OK ? 0 : code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

int webhook_client_ready(struct webhook_client *client)
{
    struct epoll_event ready[READY_MAX];
    int error = 0;
    int count = epoll_wait(client->epoll, ready, READY_MAX, 0);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count && error == 0; i++) {
        uint32_t events = ready[i].events;
        int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        error = client_act(client, ready[i].data.fd, what);
    }
    return error;
}

int webhook_client_expire(struct webhook_client *client, int64_t now)
{
    if (now < client->due)
        return 0;
    client->due = INT64_MAX;
    return client_act(client, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- requests ---- */

static void request_end(struct webhook_request *request)
{
    const struct webhook_curl *curl = request->client->curl;
    if (request->started)
        curl->multi_remove_handle(request->client->multi, request->easy);
    request->started = false;
    curl->slist_free_all(request->headers);
    request->headers = NULL;
    rentbus_free(request->body);
    request->body = NULL;
}

/* With a status although reading was given up, the rest of the body was what was left. */
static void request_answered(struct webhook_request *request, CURLcode code)
{
    struct webhook_answer *answer = &request->answer;
    long status = 0;
    bool left = code == CURLE_WRITE_ERROR && request->head_count <= WEBHOOK_HEAD_MAX;
    request->client->curl->easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = code == CURLE_OK || left ? status : 0;
    if (code == CURLE_OPERATION_TIMEDOUT)
        answer->failure = "it took too long";
    else if (code == CURLE_WRITE_ERROR)
        answer->failure = "its header is too long";
    else
        answer->failure =
            request->error[0] ? request->error : request->client->curl->easy_strerror(code);
}

void *webhook_client_finished(struct webhook_client *client)
{
    const struct webhook_curl *curl = client->curl;
    struct webhook_request *request = NULL;
    int left;
    CURLMsg *message = curl->multi_info_read(client->multi, &left);
    if (!message || message->msg != CURLMSG_DONE)
        return NULL;
    CURLcode code = message->data.result;
    curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
    request_answered(request, code);
    request_end(request);
    return request->owner;
}

static CURLcode numbers_set(const struct webhook_request *request)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_POST, 1},
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_TIMEOUT_MS, (long)request->client->timeout_ms},
        /* A name server that does not answer must not hold up what else there is to do. */
        {CURLOPT_QUICK_EXIT, 1},
    };
    CURLcode failed = CURLE_OK;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !failed; i++)
        failed =
            request->client->curl->easy_setopt(request->easy, numbers[i].option, numbers[i].value);
    return failed;
}

static CURLcode pointers_set(struct webhook_request *request)
{
    const struct {
        CURLoption option;
        const void *value;
    } pointers[] = {
        {CURLOPT_URL, request->client->settings->url},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_USERAGENT, USER_AGENT},
        {CURLOPT_PRIVATE, request},
        {CURLOPT_ERRORBUFFER, request->error},
        {CURLOPT_HEADERDATA, request},
        {CURLOPT_WRITEDATA, request},
    };
    CURLcode failed = CURLE_OK;
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]) && !failed; i++)
        failed = request->client->curl->easy_setopt(request->easy, pointers[i].option,
                                                    pointers[i].value);
    return failed;
}

static int request_prepare(struct webhook_request *request)
{
    const struct webhook_curl *curl = request->client->curl;
    const char *cacert = request->client->settings->cacert;
    CURLcode failed = numbers_set(request);
    failed = failed ? failed : pointers_set(request);
    failed = failed ? failed : curl->easy_setopt(request->easy, CURLOPT_HEADERFUNCTION, head_take);
    failed = failed ? failed : curl->easy_setopt(request->easy, CURLOPT_WRITEFUNCTION, body_take);
    /* That file is then all that is trusted. */
    if (cacert && !failed)
        failed = curl->easy_setopt(request->easy, CURLOPT_CAPATH, NULL);
    if (cacert && !failed)
        failed = curl->easy_setopt(request->easy, CURLOPT_CAINFO, cacert);
    return failed == CURLE_OK ? 0 : failed == CURLE_OUT_OF_MEMORY ? -ENOMEM : -ENOTSUP;
}

int webhook_request_create(struct webhook_client *client, void *owner,
                           struct webhook_request **request)
{
    struct webhook_request *created = calloc(1, sizeof(*created));
    if (!created)
        return -ENOMEM;
    created->client = client;
    created->owner = owner;
    created->easy = client->curl->easy_init();
    int error = created->easy ? request_prepare(created) : -ENOMEM;
    if (error)
        webhook_request_destroy(&created);
    else
        *request = created;
    return error;
}

void webhook_request_destroy(struct webhook_request **request)
{
    struct webhook_request *ended = *request;
    *request = NULL;
    if (!ended)
        return;
    request_end(ended);
    if (ended->easy)
        ended->client->curl->easy_cleanup(ended->easy);
    free(ended);
}

static bool header_add(struct webhook_request *request, const char *header)
{
    struct curl_slist *list = request->client->curl->slist_append(request->headers, header);
    request->headers = list ? list : request->headers;
    return list != NULL;
}

static bool header_put(struct webhook_request *request, const char *name, struct rentbus_text value)
{
    char header[RENTBUS_TEXT_MAX + 64];
    snprintf(header, sizeof(header), "%s: %.*s", name, RENTBUS_TEXT_ARGS(value));
    return header_add(request, header);
}

static bool headers_fill(struct webhook_request *request, struct rentbus_text id, int64_t timestamp)
{
    const struct webhook_settings *settings = request->client->settings;
    char signature[WEBHOOK_SIGNATURE_SIZE];
    char time[24];
    struct rentbus_text body = rentbus_text(request->body);
    /* An empty Expect keeps libcurl from asking first whether a large body is welcome. */
    bool done = header_add(request, CONTENT_TYPE) && header_add(request, "Expect:");
    for (size_t i = 0; i < settings->header_count && done; i++)
        done = header_add(request, settings->headers[i]);
    snprintf(time, sizeof(time), "%lld", (long long)timestamp);
    done = done && header_put(request, "webhook-id", id) &&
           header_put(request, "webhook-timestamp", rentbus_text(time));
    webhook_sign(&settings->secrets, id, timestamp, body, signature);
    if (signature[0])
        done = done && header_put(request, "webhook-signature", rentbus_text(signature));
    return done;
}

int webhook_request_start(struct webhook_request *request, struct rentbus_text id, char *body,
                          int64_t timestamp)
{
    const struct webhook_curl *curl = request->client->curl;
    request->answer = (struct webhook_answer){0};
    request->error[0] = '\0';
    request->head_count = 0;
    request->body_count = 0;
    request->body = body;
    bool ready = headers_fill(request, id, timestamp) &&
                 curl->easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers) == 0 &&
                 curl->easy_setopt(request->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == 0 &&
                 curl->easy_setopt(request->easy, CURLOPT_POSTFIELDS, body) == 0;
    request->started =
        ready && curl->multi_add_handle(request->client->multi, request->easy) == CURLM_OK;
    if (request->started)
        return 0;
    request_end(request);
    return -ENOMEM;
}

const struct webhook_answer *webhook_request_answer(const struct webhook_request *request)
{
    return &request->answer;
}

void webhook_request_cancel(struct webhook_request *request)
{
    request_end(request);
}
