/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - what the commands of `otlp-arrow` share.
 *
 * Each command is one file and knows the library by its public header alone.
 * A command returns the exit code of the process.
 */
#ifndef OA_CLI_TOOL_H
#define OA_CLI_TOOL_H

#include <stdint.h>
#include <stdio.h>

#include "otlp_arrow_reader.h"

enum { TOOL_OK = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 };

/* ARGV[0] is the name of the command. */
int oa_tool_inspect(int argc, char **argv);
int oa_tool_convert(int argc, char **argv);
int oa_tool_tail(int argc, char **argv);
int oa_tool_verify(int argc, char **argv);
int oa_tool_repair(int argc, char **argv);

/* Says on standard error what is wrong with the command line and where help
 * is; returns TOOL_USAGE. */
int oa_tool_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says on standard error what failed; returns TOOL_FAILED. */
int oa_tool_failed(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* TOOL_OK when all output has reached its file, else says so. */
int oa_tool_flush(void);

/* Prints text of a file or the file system, which may hold anything: control
 * characters do not reach the terminal.  The other prints a JSON string. */
void oa_tool_print_plain(const char *text);
void oa_tool_print_json(const char *text);

/* NANOSECONDS since 1970 as "2024-05-01T12:00:00.123456789Z". */
enum { TOOL_TIME_SIZE = 40 };
void oa_tool_time(uint64_t nanoseconds, char out[TOOL_TIME_SIZE]);

#endif
