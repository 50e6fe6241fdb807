/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, asked over the network as a sender would. */
#include "receive_trial.h"

#define SEND "POST /v1/traces HTTP/1.1\ncontent-type: application/json"
#define SPAN "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}"

typedef struct gate {
  house *house;
  oa_config config;
  oa_auth *auth;
} gate;

static gate *gate_new(void) {
  gate *g = calloc(1, sizeof *g);
  assert_non_null(g);
  assert_int_equal(oa_config_init(&g->config), OA_OK);
  g->house = house_new();
  return g;
}

static void set(gate *g, const char *key, const char *value) {
  char path[128];
  oa_error error = {0};
  snprintf(path, sizeof path, "protocols.authentication.%s", key);
  if (oa_config_assign(&g->config, path, value, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

static void gate_open(gate *g) {
  oa_error error = {0};
  if (oa_auth_new(&g->auth, &g->config, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  g->house->options.auth = g->auth;
  house_open(g->house);
}

/* ROWS are those that must have come in. */
static void gate_close(gate *g, int64_t rows) {
  const oa_signal_totals totals = totals_of(g->house, OA_TRACES);
  assert_int_equal(
      totals.requests,
      totals.items_accepted + totals.refused[OA_REFUSED_UNAUTHENTICATED]);
  assert_int_equal(house_close(g->house, OA_TRACES), rows);
  oa_auth_free(g->auth);
  oa_config_reset(&g->config);
  free(g);
}

static bool lets_in(gate *g, const char *field) {
  char head[8192];
  snprintf(head, sizeof head, SEND "%s%s", field[0] == '\0' ? "" : "\n", field);
  const int status = talk_text(g->house, head, SPAN);
  assert_true(status == 200 || status == 401);
  assert_int_equal(status == 401, has_name(g->house, "www-authenticate"));
  return status == 200;
}

static void a_bearer_token_lets_in(void **state) {
  (void)state;
  gate *g = gate_new();
  set(g, "auth_type", "bearer_token");
  set(g, "credentials.token", "right-token");
  gate_open(g);
  assert_false(lets_in(g, ""));
  assert_true(
      has_field(g->house, "www-authenticate: Bearer realm=\"otlp-arrow\""));
  assert_string_equal(heard(g->house),
                      "{\"code\":16,\"message\":\"no valid token: send one in "
                      "the header authorization, as \\\"Bearer\\\" and the "
                      "token\"}");
  assert_false(lets_in(g, "authorization: Bearer wrong-token"));
  assert_null(strstr(g->house->said, "wrong-token"));
  assert_false(lets_in(g, "authorization: Bearer right-toke"));
  assert_false(lets_in(g, "authorization: Bearer right-tokens"));
  assert_false(lets_in(g, "authorization: Bearer"));
  assert_false(lets_in(g, "authorization: Bearer "));
  assert_false(lets_in(g, "authorization: right-token"));
  assert_false(lets_in(g, "authorization: Basic right-token"));
  assert_false(lets_in(g, "x-api-key: right-token"));
  assert_true(lets_in(g, "authorization: Bearer right-token"));
  assert_true(lets_in(g, "Authorization: bearer   right-token"));
  gate_close(g, 2);
}

static void an_api_key_lets_in(void **state) {
  (void)state;
  gate *g = gate_new();
  set(g, "auth_type", "api_key");
  set(g, "credentials.key", "right-key");
  set(g, "credentials.header_name", "X-My-Key");
  gate_open(g);
  assert_false(lets_in(g, ""));
  assert_true(has_field(
      g->house,
      "www-authenticate: ApiKey realm=\"otlp-arrow\", header=\"x-my-key\""));
  assert_false(lets_in(g, "x-my-key: wrong"));
  assert_false(lets_in(g, "x-my-key: right-ke"));
  assert_false(lets_in(g, "x-api-key: right-key"));
  assert_false(lets_in(g, "authorization: Bearer right-key"));
  assert_true(lets_in(g, "X-My-Key: right-key"));
  gate_close(g, 1);
}

static void user_and_password_let_in(void **state) {
  char head[8192];
  (void)state;
  gate *g = gate_new();
  set(g, "auth_type", "basic");
  set(g, "credentials.username", "ann");
  set(g, "credentials.password", "p:w");
  gate_open(g);
  assert_false(lets_in(g, ""));
  assert_true(has_field(g->house,
                        "www-authenticate: Basic realm=\"otlp-arrow\""
                        ", charset=\"UTF-8\""));
  assert_false(lets_in(g, "authorization: Basic YW5uOnA6"));     /* ann:p: */
  assert_false(lets_in(g, "authorization: Basic Ym9iOnA6dw==")); /* bob:p:w */
  assert_false(lets_in(g, "authorization: Basic ann:p:w"));
  assert_false(lets_in(g, "authorization: Basic ===="));
  assert_false(lets_in(g, "authorization: Basic !!!!"));
  assert_false(lets_in(g, "authorization: Bearer YW5uOnA6dw=="));
  snprintf(head, sizeof head, "authorization: Basic %04000d", 0);
  assert_false(lets_in(g, head));
  assert_true(lets_in(g, "authorization: Basic YW5uOnA6dw=="));
  assert_true(lets_in(g, "authorization: basic YW5uOnA6dw")); /* no padding */
  gate_close(g, 2);
}

/* --- a file of keys --- */

static void write_keys(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void keys_of_a_file_come_and_go(void **state) {
  char path[96];
  oa_error error = {0};
  size_t count = 99;
  (void)state;
  gate *g = gate_new();
  snprintf(path, sizeof path, "%s/keys", g->house->yard.dir);
  write_keys(path, "a: key-a\nb: key-b\n");
  set(g, "auth_type", "bearer_token");
  set(g, "credentials.token", "key-0");
  set(g, "keys_file", path);
  gate_open(g);
  assert_true(lets_in(g, "authorization: Bearer key-0"));
  assert_true(lets_in(g, "authorization: Bearer key-a"));
  assert_true(lets_in(g, "authorization: Bearer key-b"));
  assert_false(lets_in(g, "authorization: Bearer key-c"));

  write_keys(path, "b: key-b\nc: key-c\n");
  assert_int_equal(oa_auth_reload(g->auth, &g->config, &count, &error), OA_OK);
  assert_int_equal(count, 3);
  assert_false(lets_in(g, "authorization: Bearer key-a"));
  assert_true(lets_in(g, "authorization: Bearer key-c"));
  assert_true(lets_in(g, "authorization: Bearer key-0"));

  write_keys(path, "b: key-b\nnonsense\n");
  assert_int_equal(oa_auth_reload(g->auth, &g->config, &count, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, ":2: is not a key"));
  assert_true(lets_in(g, "authorization: Bearer key-c"));
  gate_close(g, 6);
}

static void a_file_without_keys_is_no_gate(void **state) {
  char path[96];
  oa_error error = {0};
  (void)state;
  gate *g = gate_new();
  snprintf(path, sizeof path, "%s/keys", g->house->yard.dir);
  write_keys(path, "# none yet\n");
  set(g, "auth_type", "api_key");
  set(g, "keys_file", path);
  assert_int_equal(oa_auth_new(&g->auth, &g->config, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "holds no key"));
  assert_null(g->auth);
  write_keys(path, "a: b\n");
  gate_open(g);
  gate_close(g, 0);
}

/* --- who needs none --- */

static void without_a_type_everybody_is_let_in(void **state) {
  (void)state;
  gate *g = gate_new();
  gate_open(g);
  assert_null(g->auth);
  assert_true(lets_in(g, ""));
  gate_close(g, 1);
}

static void a_preflight_needs_no_key(void **state) {
  static const char *const origins[] = {"https://a.example"};
  (void)state;
  gate *g = gate_new();
  set(g, "auth_type", "bearer_token");
  set(g, "credentials.token", "right-token");
  g->house->options.cors_origins = origins;
  g->house->options.cors_origin_count = 1;
  gate_open(g);
  assert_int_equal(
      talk_text(g->house,
                "OPTIONS /v1/traces HTTP/1.1\norigin: https://a.example\n"
                "access-control-request-headers: authorization",
                ""),
      204);
  assert_true(
      has_field(g->house, "access-control-allow-headers: authorization"));
  assert_false(lets_in(g, "origin: https://a.example"));
  assert_true(
      has_field(g->house, "access-control-allow-origin: https://a.example"));
  gate_close(g, 0);
}

/* --- the program's own --- */

static int check_door(void *context, const oa_sender *sender,
                      const char **name) {
  size_t len = 0;
  const char *value = sender->field(sender->request, "x-door", &len);
  int *asked = context;
  ++*asked;
  *name = "door";
  return value != NULL && len == 4 && memcmp(value, "open", 4) == 0;
}

static void a_program_may_decide_by_itself(void **state) {
  int asked = 0;
  size_t count = 99;
  (void)state;
  gate *g = gate_new();
  g->config.authenticator = (oa_authenticator){
      .context = &asked, .check = check_door, .challenge = "Door"};
  gate_open(g);
  assert_false(lets_in(g, ""));
  assert_true(has_field(g->house, "www-authenticate: Door"));
  assert_non_null(strstr(heard(g->house), "this sender is not known here"));
  assert_false(lets_in(g, "x-door: shut"));
  assert_true(lets_in(g, "x-door: open"));
  assert_int_equal(asked, 3);
  assert_int_equal(oa_auth_reload(g->auth, &g->config, &count, NULL), OA_OK);
  assert_int_equal(count, 0);
  gate_close(g, 1);
}

static void any_allocation_may_fail(void **state) {
  oa_config config;
  int64_t n = 0;
  (void)state;
  assert_int_equal(oa_config_init(&config), OA_OK);
  assert_int_equal(
      oa_config_assign(&config, "protocols.authentication.auth_type", "basic",
                       NULL),
      OA_OK);
  assert_int_equal(
      oa_config_assign(&config, "protocols.authentication.credentials.username",
                       "u", NULL),
      OA_OK);
  for (;; n++) {
    oa_auth *auth = NULL;
    oa_mem_fail_after(n);
    const oa_status status = oa_auth_new(&auth, &config, NULL);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      oa_auth_free(auth);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_null(auth);
  }
  assert_true(n >= 4);
  oa_config_reset(&config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bearer_token_lets_in),
      cmocka_unit_test(an_api_key_lets_in),
      cmocka_unit_test(user_and_password_let_in),
      cmocka_unit_test(keys_of_a_file_come_and_go),
      cmocka_unit_test(a_file_without_keys_is_no_gate),
      cmocka_unit_test(without_a_type_everybody_is_let_in),
      cmocka_unit_test(a_preflight_needs_no_key),
      cmocka_unit_test(a_program_may_decide_by_itself),
      cmocka_unit_test(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
