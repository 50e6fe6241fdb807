/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

static const char *const texts[PY_NAME_COUNT] = {
#define PY_NAME_TEXT(NAME) #NAME,
    PY_NAMES(PY_NAME_TEXT)
#undef PY_NAME_TEXT
};

int py_names_init(py_names *names) {
  for (int i = 0; i < PY_NAME_COUNT; i++) {
    names->text[i] = PyUnicode_InternFromString(texts[i]);
    if (names->text[i] == NULL) {
      return -1;
    }
  }
  return 0;
}

void py_names_clear(py_names *names) {
  for (int i = 0; i < PY_NAME_COUNT; i++) {
    Py_CLEAR(names->text[i]);
  }
}

const char *py_name_text(py_name name) {
  return texts[name];
}
