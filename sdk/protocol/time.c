/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/time.h"

#include <string.h>

#define SECONDS_PER_DAY INT64_C(86400)
/* From 0000-03-01, from which years are counted that end with their leap day. */
#define DAYS_TO_1970 719468
/* 0001-01-01T00:00:00Z, and the microsecond behind the year 9999. */
#define TIME_MIN (INT64_C(-62135596800) * RENTBUS_SECOND)
#define TIME_END (INT64_C(253402300800) * RENTBUS_SECOND)

/* What is left to read. */
struct scanner {
    const char *at;
    const char *end;
};

static bool digit(const struct scanner *scanner)
{
    return scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9';
}

/* Takes exactly `count` digits whose number is in [least, most]. */
static inline bool scan_number(struct scanner *scanner, int count, int least, int most, int *out)
{
    int number = 0;
    if (scanner->end - scanner->at < count)
        return false;
    for (int i = 0; i < count; i++) {
        unsigned value = (unsigned)*scanner->at++ - '0';
        if (value > 9)
            return false;
        number = number * 10 + (int)value;
    }
    *out = number;
    return number >= least && number <= most;
}

static bool scan_character(struct scanner *scanner, char upper, char lower)
{
    if (scanner->at == scanner->end || (*scanner->at != upper && *scanner->at != lower))
        return false;
    scanner->at++;
    return true;
}

/* Days since 1970-01-01 of a day of the proleptic Gregorian calendar. Years are counted from March,
 * so that the leap day is their last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           DAYS_TO_1970;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool scan_date(struct scanner *scanner, int64_t *days)
{
    int year;
    int month;
    int day;
    if (!scan_number(scanner, 4, 1, 9999, &year) || !scan_character(scanner, '-', '-') ||
        !scan_number(scanner, 2, 1, 12, &month) || !scan_character(scanner, '-', '-') ||
        !scan_number(scanner, 2, 1, days_of_month(year, month), &day))
        return false;
    *days = days_from_civil(year, month, day);
    return true;
}

static bool scan_fraction(struct scanner *scanner, int64_t *microseconds)
{
    *microseconds = 0;
    if (!scan_character(scanner, '.', '.'))
        return true;
    if (!digit(scanner))
        return false;
    for (int64_t weight = RENTBUS_SECOND / 10; digit(scanner); weight /= 10)
        *microseconds += (*scanner->at++ - '0') * weight;
    return true;
}

/* The offset from UTC in seconds. */
static bool scan_zone(struct scanner *scanner, int64_t *offset)
{
    *offset = 0;
    if (scan_character(scanner, 'Z', 'z'))
        return true;
    bool west = scan_character(scanner, '-', '-');
    int hours;
    int minutes;
    if ((!west && !scan_character(scanner, '+', '+')) || !scan_number(scanner, 2, 0, 23, &hours) ||
        !scan_character(scanner, ':', ':') || !scan_number(scanner, 2, 0, 59, &minutes))
        return false;
    *offset = (west ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

bool rentbus_time_parse(struct rentbus_text text, int64_t *time)
{
    if (text.length == 0)
        return false;
    struct scanner scanner = {text.data, text.data + text.length};
    int64_t days;
    int64_t fraction;
    int64_t offset;
    int hour;
    int minute;
    int second;
    if (!scan_date(&scanner, &days) || !scan_character(&scanner, 'T', 't') ||
        !scan_number(&scanner, 2, 0, 23, &hour) || !scan_character(&scanner, ':', ':') ||
        !scan_number(&scanner, 2, 0, 59, &minute) || !scan_character(&scanner, ':', ':') ||
        !scan_number(&scanner, 2, 0, 60, &second) || !scan_fraction(&scanner, &fraction) ||
        !scan_zone(&scanner, &offset) || scanner.at != scanner.end)
        return false;
    int64_t minutes = days * 1440 + hour * 60 + minute - offset / 60;
    /* A leap second ends an hour of UTC. */
    if (second == 60 && (minutes % 60 + 60) % 60 != 59)
        return false;
    int64_t result = (minutes * 60 + second) * RENTBUS_SECOND + fraction;
    if (result < TIME_MIN || result >= TIME_END)
        return false;
    *time = result;
    return true;
}

/* Writes `count` digits and returns the place behind them. */
static char *put_number(char *at, int64_t number, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + count;
}

/* Writes a number below 100 and returns the place behind it. */
static inline char *put_two(char *at, uint32_t number)
{
    static const char digits[] = "0001020304050607080910111213141516171819"
                                 "2021222324252627282930313233343536373839"
                                 "4041424344454647484950515253545556575859"
                                 "6061626364656667686970717273747576777879"
                                 "8081828384858687888990919293949596979899";
    memcpy(at, digits + (size_t)2 * number, 2);
    return at + 2;
}

/* Of a day since 0000-03-01; the inverse of days_from_civil(). */
static inline char *put_date(char *at, uint32_t day)
{
    uint32_t era = day / 146097;
    uint32_t day_of_era = day % 146097;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month_from_march = (5 * day_of_year + 2) / 153;
    uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    uint32_t year = era * 400 + year_of_era + (month <= 2);
    at = put_two(at, year / 100);
    at = put_two(at, year % 100);
    *at++ = '-';
    at = put_two(at, month);
    *at++ = '-';
    return put_two(at, day_of_year - (153 * month_from_march + 2) / 5 + 1);
}

size_t rentbus_time_format(int64_t time, char text[RENTBUS_TIME_TEXT_SIZE])
{
    uint64_t since_march_0 = (uint64_t)(time + DAYS_TO_1970 * RENTBUS_DAY);
    uint64_t day = since_march_0 / RENTBUS_DAY;
    uint64_t in_day = since_march_0 - day * RENTBUS_DAY;
    uint32_t seconds = (uint32_t)(in_day / RENTBUS_SECOND);
    uint32_t fraction = (uint32_t)(in_day - seconds * (uint64_t)RENTBUS_SECOND);
    char *at = put_date(text, (uint32_t)day);
    *at++ = 'T';
    at = put_two(at, seconds / 3600);
    *at++ = ':';
    at = put_two(at, seconds / 60 % 60);
    *at++ = ':';
    at = put_two(at, seconds % 60);
    if (fraction > 0) {
        *at++ = '.';
        at = put_two(at, fraction / 10000);
        at = put_two(at, fraction / 100 % 100);
        at = put_two(at, fraction % 100);
    }
    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - text);
}

/* ---- durations ---- */

/* In the order in which they stand; the time of day begins behind a T. */
static const struct {
    char letter;
    bool of_day;
    int64_t seconds;
} duration_units[] = {
    {'W', false, 7 * SECONDS_PER_DAY},
    {'D', false, SECONDS_PER_DAY},
    {'H', true, 3600},
    {'M', true, 60},
    {'S', true, 1},
};
#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

static bool scan_count(struct scanner *scanner, int64_t *count)
{
    if (!digit(scanner))
        return false;
    int64_t number = 0;
    while (digit(scanner)) {
        number = number * 10 + (*scanner->at++ - '0');
        if (number > RENTBUS_DURATION_MAX)
            return false;
    }
    *count = number;
    return true;
}

/* Takes a count and its unit, which is `*unit` or a later one, on the same side of the T. */
static bool scan_component(struct scanner *scanner, bool of_day, size_t *unit, int64_t *seconds)
{
    int64_t count;
    if (!scan_count(scanner, &count))
        return false;
    for (size_t i = *unit; i < DURATION_UNITS; i++) {
        if (duration_units[i].of_day != of_day ||
            !scan_character(scanner, duration_units[i].letter, duration_units[i].letter))
            continue;
        *unit = i + 1;
        *seconds += count * duration_units[i].seconds;
        return *seconds <= RENTBUS_DURATION_MAX;
    }
    return false;
}

bool rentbus_duration_parse(struct rentbus_text text, int64_t *seconds)
{
    if (text.length == 0)
        return false;
    struct scanner scanner = {text.data, text.data + text.length};
    if (!scan_character(&scanner, 'P', 'P'))
        return false;
    bool of_day = false;
    size_t unit = 0;
    int64_t total = 0;
    do {
        if (!of_day)
            of_day = scan_character(&scanner, 'T', 'T');
        if (!scan_component(&scanner, of_day, &unit, &total))
            return false;
    } while (scanner.at < scanner.end);
    *seconds = total;
    return true;
}

static char *put_component(char *at, int64_t count, char letter)
{
    if (count == 0)
        return at;
    int digits = 1;
    for (int64_t rest = count / 10; rest > 0; rest /= 10)
        digits++;
    at = put_number(at, count, digits);
    *at++ = letter;
    return at;
}

size_t rentbus_duration_format(int64_t seconds, char text[RENTBUS_DURATION_TEXT_SIZE])
{
    char *at = text;
    *at++ = 'P';
    at = put_component(at, seconds / SECONDS_PER_DAY, 'D');
    int64_t in_day = seconds % SECONDS_PER_DAY;
    if (in_day > 0 || seconds == 0) {
        *at++ = 'T';
        at = put_component(at, in_day / 3600, 'H');
        at = put_component(at, in_day / 60 % 60, 'M');
        at = put_component(at, in_day % 60, 'S');
    }
    if (seconds == 0) {
        *at++ = '0';
        *at++ = 'S';
    }
    *at = '\0';
    return (size_t)(at - text);
}
