/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys that cannot be used, and the sentence that says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "tls_trial.h"

typedef struct fixture {
  folder folder;
  identity ca;
  identity leaf;
  const char *certificate;
  const char *key;
  const char *missing;
} fixture;

static int set_up(void **state) {
  static fixture f;
  folder_open(&f.folder);
  f.ca = identity_make("trial CA", NULL, -1, 1);
  f.leaf = identity_make("localhost", &f.ca, -1, 1);
  f.certificate = folder_certificate(&f.folder, &f.leaf, &f.ca);
  f.key = folder_key(&f.folder, &f.leaf, NULL);
  f.missing = folder_name(&f.folder);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  folder_close(&f->folder);
  identity_free(&f->ca);
  identity_free(&f->leaf);
  return 0;
}

/* Loading FILES fails, and the text is the path WHERE and then WHAT. */
static void check(const oa_tls_files *files, oa_status status,
                  const char *where, const char *what) {
  oa_tls_context *context = NULL;
  oa_error error = {0};
  assert_int_equal(oa_tls_context_new(&context, files, NULL, &error), status);
  assert_null(context);
  assert_int_equal(error.code, status);
  char text[OA_ERROR_TEXT_SIZE];
  snprintf(text, sizeof text, "%s: %s", where, what);
  assert_string_equal(error.text, text);
  /* Nothing is left for the next user of OpenSSL to stumble over. */
  assert_int_equal(ERR_peek_error(), 0);
}

static void missing_files_are_named(void **state) {
  fixture *f = *state;
  check(&(oa_tls_files){.certificate = f->missing, .key = f->key},
        OA_ERR_NOT_FOUND, f->missing, "no such file or directory");
  check(&(oa_tls_files){.certificate = f->certificate, .key = f->missing},
        OA_ERR_NOT_FOUND, f->missing, "no such file or directory");
  check(&(oa_tls_files){.certificate = f->certificate,
                        .key = f->key,
                        .client_ca = f->missing},
        OA_ERR_NOT_FOUND, f->missing, "no such file or directory");
}

static void unreadable_files_are_named(void **state) {
  fixture *f = *state;
  check(&(oa_tls_files){.certificate = f->folder.path, .key = f->key},
        OA_ERR_IO, f->folder.path, "illegal operation on a directory");
  if (geteuid() != 0) {
    const char *path = folder_certificate(&f->folder, &f->leaf, NULL);
    assert_int_equal(chmod(path, 0), 0);
    check(&(oa_tls_files){.certificate = path, .key = f->key}, OA_ERR_IO, path,
          "permission denied");
  }
}

static void files_without_what_they_should_hold_are_named(void **state) {
  fixture *f = *state;
  const char *text = folder_text(&f->folder, "no PEM at all\n");
  const char *broken = folder_text(&f->folder,
                                   "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                   "-----END CERTIFICATE-----\n");
  check(&(oa_tls_files){.certificate = text, .key = f->key}, OA_ERR_CONFIG,
        text, "holds no usable certificate in PEM form");
  check(&(oa_tls_files){.certificate = f->key, .key = f->key}, OA_ERR_CONFIG,
        f->key, "holds no usable certificate in PEM form");
  check(&(oa_tls_files){.certificate = f->certificate, .key = text},
        OA_ERR_CONFIG, text, "holds no usable private key in PEM form");
  check(&(oa_tls_files){.certificate = f->certificate, .key = f->certificate},
        OA_ERR_CONFIG, f->certificate,
        "holds no usable private key in PEM form");
  check(
      &(oa_tls_files){
          .certificate = f->certificate, .key = f->key, .client_ca = text},
      OA_ERR_CONFIG, text, "holds no usable certificate in PEM form");
  oa_error error = {0};
  oa_tls_context *context = NULL;
  assert_int_equal(
      oa_tls_context_new(&context,
                         &(oa_tls_files){.certificate = broken, .key = f->key},
                         NULL, &error),
      OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, ": holds no usable certificate ("));
}

static void a_key_of_another_certificate_is_named(void **state) {
  fixture *f = *state;
  identity other = identity_make("other", &f->ca, -1, 1);
  identity rsa = {EVP_RSA_gen(2048), NULL};
  const char *keys[] = {folder_key(&f->folder, &other, NULL),
                        folder_key(&f->folder, &rsa, NULL)};
  for (size_t i = 0; i < 2; i++) {
    char text[200];
    snprintf(text, sizeof text,
             "the key does not belong to the certificate in %s",
             f->certificate);
    check(&(oa_tls_files){.certificate = f->certificate, .key = keys[i]},
          OA_ERR_CONFIG, keys[i], text);
  }
  identity_free(&other);
  identity_free(&rsa);
}

/* A prompt would hang the test, or fail it where there is no terminal. */
static void an_encrypted_key_is_refused_without_a_prompt(void **state) {
  fixture *f = *state;
  const char *path = folder_key(&f->folder, &f->leaf, "secret");
  check(&(oa_tls_files){.certificate = f->certificate, .key = path},
        OA_ERR_CONFIG, path,
        "the key is encrypted with a pass phrase; store it unencrypted, "
        "readable by this user alone");
}

static void weak_keys_are_refused(void **state) {
  fixture *f = *state;
  identity weak = {EVP_RSA_gen(1024), X509_new()};
  X509_gmtime_adj(X509_getm_notBefore(weak.certificate), -TRIAL_DAY);
  X509_gmtime_adj(X509_getm_notAfter(weak.certificate), TRIAL_DAY);
  X509_set_pubkey(weak.certificate, weak.key);
  assert_true(X509_sign(weak.certificate, weak.key, EVP_sha256()) > 0);
  const char *path = folder_certificate(&f->folder, &weak, NULL);
  check(&(oa_tls_files){.certificate = path, .key = f->key}, OA_ERR_CONFIG,
        path, "holds no usable certificate (ee key too small)");
  identity_free(&weak);
}

static void check_warning(fixture *f, long from, long until, const char *what) {
  identity id = identity_make("dated", &f->ca, from, until);
  const char *path = folder_certificate(&f->folder, &id, NULL);
  const oa_tls_files files = {path, folder_key(&f->folder, &id, NULL), NULL};
  oa_tls_context *context = NULL;
  oa_error warning = {0};
  assert_int_equal(oa_tls_context_new(&context, &files, &warning, NULL), OA_OK);
  assert_int_equal(warning.code, OA_ERR_CONFIG);
  char text[OA_ERROR_TEXT_SIZE];
  snprintf(text, sizeof text, "%s: the certificate %s 2", path, what);
  assert_int_equal(strncmp(warning.text, text, strlen(text)), 0);
  assert_non_null(strstr(warning.text, " UTC; clients will refuse it"));
  oa_tls_context_release(context);
  identity_free(&id);
}

static void a_certificate_out_of_its_time_is_warned_of(void **state) {
  fixture *f = *state;
  check_warning(f, -2, -1, "has expired on");
  check_warning(f, 1, 2, "is not valid before");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(missing_files_are_named),
      cmocka_unit_test(unreadable_files_are_named),
      cmocka_unit_test(files_without_what_they_should_hold_are_named),
      cmocka_unit_test(a_key_of_another_certificate_is_named),
      cmocka_unit_test(an_encrypted_key_is_refused_without_a_prompt),
      cmocka_unit_test(weak_keys_are_refused),
      cmocka_unit_test(a_certificate_out_of_its_time_is_warned_of),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
