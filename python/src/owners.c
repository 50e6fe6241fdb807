/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and scopes as they stand in a request. */
#include "walk.h"

/* Puts ATTRIBUTES of what was just opened. */
static int put_attributes(py_walk *walk, py_attributes *attributes,
                          const char *what) {
  return py_walk_put(walk, attributes) == 0
             ? 0
             : py_walk_leave_out(walk, &walk->imperfect, what, 0);
}

static int read_resource(py_walk *walk, PyObject *resource, oa_resource *out,
                         py_attributes *attributes) {
  if (resource == Py_None) {
    return 0;
  }
  if (py_walk_get_text(walk, resource, PY_NAME__schema_url, PY_NAME_schema_url,
                       &out->schema_url) != 0 ||
      py_walk_open(walk, resource, PY_NAME__attributes, PY_NAME_attributes,
                   attributes) != 0) {
    return -1;
  }
  out->dropped_attributes_count = attributes->dropped;
  return 0;
}

/* What is wrong with an owner must not cost what it owns: then it is one
 * without fields. */
int py_walk_resource(py_walk *walk, PyObject *resource) {
  oa_resource fields = {.size = sizeof fields};
  py_attributes attributes = {0};
  py_walk_begin(walk);
  if (read_resource(walk, resource, &fields, &attributes) != 0) {
    if (py_walk_leave_out(walk, &walk->imperfect, "resource", 0) != 0) {
      return -1;
    }
    fields = (oa_resource){.size = sizeof fields};
  }
  oa_build_resource(walk->builder, &fields);
  return put_attributes(walk, &attributes, "resource");
}

static int read_scope(py_walk *walk, PyObject *scope, oa_scope *out,
                      py_attributes *attributes) {
  if (scope == Py_None) {
    return 0;
  }
  if (py_walk_get_text(walk, scope, PY_NAME__name, PY_NAME_name, &out->name) !=
          0 ||
      py_walk_get_text(walk, scope, PY_NAME__version, PY_NAME_version,
                       &out->version) != 0 ||
      py_walk_get_text(walk, scope, PY_NAME__schema_url, PY_NAME_schema_url,
                       &out->schema_url) != 0 ||
      py_walk_open(walk, scope, PY_NAME__attributes, PY_NAME_attributes,
                   attributes) != 0) {
    return -1;
  }
  out->dropped_attributes_count = attributes->dropped;
  return 0;
}

int py_walk_scope(py_walk *walk, PyObject *scope) {
  oa_scope fields = {.size = sizeof fields};
  py_attributes attributes = {0};
  py_walk_begin(walk);
  if (read_scope(walk, scope, &fields, &attributes) != 0) {
    if (py_walk_leave_out(walk, &walk->imperfect, "scope", 0) != 0) {
      return -1;
    }
    fields = (oa_scope){.size = sizeof fields};
  }
  oa_build_scope(walk->builder, &fields);
  return put_attributes(walk, &attributes, "scope");
}
