/* SPDX-License-Identifier: Apache-2.0 */
/* otlp-arrow-service: reads its configuration, runs one service until a
 * signal ends it.  A thin user of the library; signals, exit codes and what a
 * service manager wants to know are its only business.
 *
 *   0  a clean stop     1  something failed     2  bad configuration or usage
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/service_run.h"
#include "otlp_arrow.h"

static const char program[] = "otlp-arrow-service";

static const char usage[] =
    "Receives OpenTelemetry data and keeps it in Arrow files.\n"
    "\n"
    "  otlp-arrow-service [options]\n"
    "\n"
    "  --config FILE      read settings from a YAML file\n"
    "  --set KEY=VALUE    set one; counts more than environment and file\n"
    "  --validate         print the settings in force and exit\n"
    "  --keys             print every key, its variable and its meaning\n"
    "  --version, --help\n"
    "\n"
    "Examples:\n"
    "  otlp-arrow-service\n"
    "  otlp-arrow-service --config /etc/otlp-arrow.yaml --validate\n"
    "  otlp-arrow-service --set output_dir=/data --set bind_address=0.0.0.0\n"
    "  OTLP_PROTOBUF_PORT=14317 otlp-arrow-service\n";

typedef struct command {
  const char *config; /* NULL = no file */
  bool validate;
} command;

/* What the caller got wrong is 2; what the machine could not do is 1. */
static int exit_code(oa_status status) {
  return status == OA_ERR_NOMEM ? OA_EXIT_RUNTIME : OA_EXIT_CONFIG;
}

static oa_status print(void *context, const char *text, size_t len) {
  return fwrite(text, 1, len, context) == len ? OA_OK : OA_ERR_IO;
}

/* Ends a run that only printed. */
static int finish(oa_status status) {
  if (status != OA_OK || fflush(stdout) != 0) {
    return oa_service_fail(OA_EXIT_RUNTIME, "cannot write to standard output");
  }
  return EXIT_SUCCESS;
}

/* --- command line --- */

/* True when ARGS[*AT] is the option NAME; then *VALUE is what follows it,
 * behind "=" or as the next argument, or NULL when nothing does. */
static bool takes(const char *name, int count, char **args, int *at,
                  const char **value) {
  const size_t len = strlen(name);
  const char *arg = args[*at];
  if (strncmp(arg, name, len) != 0) {
    return false;
  }
  if (arg[len] == '=') {
    *value = arg + len + 1;
    return true;
  }
  if (arg[len] != '\0') {
    return false;
  }
  *value = *at + 1 < count ? args[++*at] : NULL;
  return true;
}

static int set_one(oa_config *config, char *pair) {
  oa_error error;
  char text[OA_ERROR_TEXT_SIZE + 16];
  char *equals = strchr(pair, '=');
  if (equals == NULL) {
    return oa_service_fail(OA_EXIT_CONFIG, "--set: write KEY=VALUE");
  }
  *equals = '\0';
  const oa_status status = oa_config_set(config, pair, equals + 1, &error);
  *equals = '=';
  if (status != OA_OK) {
    snprintf(text, sizeof text, "--set: %s", error.text);
    return oa_service_fail(exit_code(status), text);
  }
  return EXIT_SUCCESS;
}

/* Reads the options into COMMAND and CONFIG.  *DONE when there is nothing left
 * to do but to exit with the code returned, which any failure is too. */
static int read_command(int count, char **args, oa_config *config, command *out,
                        bool *done) {
  for (int i = 1; i < count; i++) {
    const char *arg = args[i];
    const char *value = NULL;
    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
      *done = true;
      return finish(print(stdout, usage, sizeof usage - 1));
    }
    if (strcmp(arg, "--version") == 0) {
      *done = true;
      printf("%s %s\n", program, oa_version());
      return finish(OA_OK);
    }
    if (strcmp(arg, "--keys") == 0) {
      *done = true;
      return finish(oa_config_describe(print, stdout));
    }
    if (strcmp(arg, "--validate") == 0) {
      out->validate = true;
    } else if (takes("--config", count, args, &i, &value)) {
      if (value == NULL || out->config != NULL) {
        return oa_service_fail(OA_EXIT_CONFIG, "--config: name one file");
      }
      out->config = value;
    } else if (takes("--set", count, args, &i, &value)) {
      /* Points into ARGS[i], which may be written to. */
      char *pair = value == NULL ? NULL : args[i] + (value - args[i]);
      const int code = pair == NULL ? oa_service_fail(OA_EXIT_CONFIG,
                                                      "--set: write KEY=VALUE")
                                    : set_one(config, pair);
      if (code != EXIT_SUCCESS) {
        return code;
      }
    } else {
      fprintf(stderr, "%s: unknown argument \"%.80s\"; see --help\n", program,
              arg);
      return OA_EXIT_CONFIG;
    }
  }
  return EXIT_SUCCESS;
}

/* File and environment.  Whether the values fit together is asked later. */
static int read_sources(oa_config *config, const command *from) {
  oa_error error;
  oa_status status = OA_OK;
  if (from->config != NULL) {
    status = oa_config_load_file(config, from->config, &error);
  }
  if (status == OA_OK) {
    status = oa_config_load_env(config, &error);
  }
  return status == OA_OK ? EXIT_SUCCESS
                         : oa_service_fail(exit_code(status), error.text);
}

static int check(const oa_config *config) {
  oa_error error;
  const oa_status status = oa_config_check(config, &error);
  return status == OA_OK ? EXIT_SUCCESS
                         : oa_service_fail(exit_code(status), error.text);
}

/* --- the whole --- */

/* What the configuration was made from. */
typedef struct sources {
  int count;
  char **args;
} sources;

/* As at the start, for a reload. */
static oa_config *read_again(void *context) {
  const sources *from = context;
  oa_error error;
  oa_config *config;
  command options = {0};
  bool done = false;
  if (oa_config_new(&config, &error) != OA_OK) {
    oa_service_fail(0, error.text);
    return NULL;
  }
  if (read_command(from->count, from->args, config, &options, &done) !=
          EXIT_SUCCESS ||
      read_sources(config, &options) != EXIT_SUCCESS) {
    oa_service_fail(0, "cannot reload; nothing has changed");
    oa_config_free(config);
    return NULL;
  }
  return config;
}

int main(int count, char **args) {
  oa_error error;
  oa_config *config;
  command options = {0};
  sources from = {.count = count, .args = args};
  bool done = false;

  if (oa_config_new(&config, &error) != OA_OK) {
    return oa_service_fail(OA_EXIT_RUNTIME, error.text);
  }
  int code = read_command(count, args, config, &options, &done);
  if (code == EXIT_SUCCESS && !done) {
    code = read_sources(config, &options);
    if (code == EXIT_SUCCESS) {
      code = check(config);
    }
    if (code == EXIT_SUCCESS) {
      code = options.validate ? finish(oa_config_print(config, print, stdout))
                              : oa_service_run(config, read_again, &from);
    }
  }
  oa_config_free(config);
  return code;
}
