# SPDX-License-Identifier: Apache-2.0
"""The C API of libotlp_arrow.so by ctypes, as far as the tests need it."""

import ctypes

import pyarrow as pa

import harness
import otlpgen

LIBRARY = harness.BIN / "libotlp_arrow.so"


class Failure(Exception):
    """A status that is not OA_OK, and its text."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


NOMEM, TRUNCATED, MALFORMED, LIMIT, BUSY = -1, -2, -3, -4, -5
IO, CONFIG, UNSUPPORTED, NOT_FOUND, END, CLOSED = -6, -7, -8, -9, -10, -11


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 256)]


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("from_ns", ctypes.c_uint64), ("to_ns", ctypes.c_uint64)]


class Result(ctypes.Structure):
    _fields_ = [("accepted", ctypes.c_uint64), ("rejected", ctypes.c_uint64),
                ("repaired", ctypes.c_uint64), ("retry_after_ms", ctypes.c_uint32),
                ("reason", ctypes.c_char * 192)]


class Struct(ctypes.Structure):
    """struct ArrowSchema and ArrowArray, of which both have fewer words."""
    _fields_ = [("words", ctypes.c_void_p * 10)]


class Stream(ctypes.Structure):
    """struct ArrowArrayStream."""


Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.c_void_p)),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.c_void_p)),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(Stream))),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(Stream))),
    ("private_data", ctypes.c_void_p),
]

_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype = ctypes.py_object
_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


def load():
    return ctypes.CDLL(str(LIBRARY))


def call(function, *arguments):
    """Calls FUNCTION with an oa_error behind ARGUMENTS."""
    error = Error()
    status = function(*arguments, ctypes.byref(error))
    if status != 0:
        raise Failure(status, error.text.decode())


class Stored:
    """What oa_stored_open() opened, for everybody who takes a stream."""

    def __init__(self, path, signal, from_ns=0, to_ns=0):
        self.stream = Stream()
        options = Options(ctypes.sizeof(Options), from_ns, to_ns)
        call(load().oa_stored_open, ctypes.byref(self.stream), str(path).encode(),
             otlpgen.SIGNALS.index(signal), ctypes.byref(options))

    @property
    def address(self):
        return ctypes.addressof(self.stream)

    def __arrow_c_stream__(self, requested_schema=None):
        # The consumer moves the struct out and releases it.
        self.capsule = _capsule(self.address, b"arrow_array_stream", None)
        return self.capsule

    def __del__(self):
        if getattr(self, "stream", None) is not None and self.stream.release:
            self.stream.release(ctypes.byref(self.stream))


class Embedded:
    """A service inside of this process, without ports."""

    def __init__(self, directory, **settings):
        self.library = load()
        config = ctypes.c_void_p()
        self.service = ctypes.c_void_p()
        call(self.library.oa_config_new_embedded, ctypes.byref(config))
        try:
            for key, value in {"output_dir": str(directory), **settings}.items():
                call(self.library.oa_config_set, config, key.encode(), value.encode())
            call(self.library.oa_service_start, ctypes.byref(self.service), config)
        finally:
            self.library.oa_config_free(config)

    def export_arrow(self, signal, batch):
        """Exports a pyarrow.RecordBatch; gives an oa_export_result."""
        schema, array, result = Struct(), Struct(), Result()
        addresses = [ctypes.addressof(schema), ctypes.addressof(array)]
        batch._export_to_c(addresses[1], addresses[0])
        try:
            call(self.library.oa_service_export_arrow, self.service,
                 otlpgen.SIGNALS.index(signal), ctypes.byref(schema), ctypes.byref(array),
                 ctypes.byref(result))
        finally:
            # They were borrowed: importing them releases them.
            pa.RecordBatch._import_from_c(addresses[1], addresses[0])
        return result

    def stop(self):
        if self.service:
            service, self.service = self.service, None
            call(self.library.oa_service_stop, service)
