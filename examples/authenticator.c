/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver that lets senders in by a rule of its own: the header x-tenant
 * must name one of the tenants on the command line.
 *
 *   cc authenticator.c $(pkg-config --cflags --libs otlp-arrow) -o receiver
 *   ./receiver /var/lib/otlp shop billing
 *   curl localhost:4318/v1/traces -H 'content-type: application/json' \
 *     -H 'x-tenant: shop' -d '{}'
 */
#include <stdio.h>
#include <string.h>

#include <otlp_arrow.h>

typedef struct tenants {
  char **names;
  int count;
} tenants;

/* Runs on the threads that receive, on several at once: it only reads. */
static int check(void *context, const oa_sender *sender, const char **name) {
  const tenants *known = context;
  size_t len = 0;
  const char *tenant = sender->field(sender->request, "x-tenant", &len);
  for (int i = 0; tenant != NULL && i < known->count; i++) {
    if (strlen(known->names[i]) == len &&
        memcmp(known->names[i], tenant, len) == 0) {
      *name = known->names[i];
      return 1;
    }
  }
  return 0;
}

static int fail(const oa_error *error) {
  fprintf(stderr, "%s\n", error->text);
  return 1;
}

int main(int count, char **args) {
  tenants known;
  oa_error error;
  oa_config *config;
  oa_service *service;

  if (count < 3) {
    fprintf(stderr, "usage: %s DIRECTORY TENANT...\n", args[0]);
    return 2;
  }
  known.names = args + 2;
  known.count = count - 2;
  const oa_authenticator authenticator = {.context = &known, .check = check};
  if (oa_config_new(&config, &error) != OA_OK) {
    return fail(&error);
  }
  if (oa_config_load_env(config, &error) != OA_OK ||
      oa_config_set(config, "output_dir", args[1], &error) != OA_OK ||
      oa_config_set_authenticator(config, &authenticator, &error) != OA_OK ||
      oa_service_start(&service, config, &error) != OA_OK) {
    oa_config_free(config);
    return fail(&error);
  }
  oa_config_free(config);
  printf("listening on port %u; return stops it\n",
         (unsigned)oa_service_port(service, OA_LISTENER_ARROW_FLIGHT));
  fflush(stdout);
  (void)getchar();
  return oa_service_stop(service, &error) == OA_OK ? 0 : fail(&error);
}
