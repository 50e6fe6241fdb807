# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` lays down is a library that others build with: by
pkg-config, by CMake's find_package(), in C99 and in C++11, from any place."""

import os
import re
import shutil
import subprocess

import pytest

import harness
from test_c_api import sanitizer
from test_symbols import declared

EXAMPLES = sorted((harness.ROOT / "examples").glob("*.c"))
STRICT = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-pedantic",
          "-pedantic-errors", "-Werror", "-fsyntax-only"]
DIALECTS = {"c99": ["cc", "-std=c99", "-Wstrict-prototypes", "-x", "c"],
            "c11": ["cc", "-std=c11", "-Wstrict-prototypes", "-x", "c"],
            "c++11": ["c++", "-std=c++11", "-x", "c++"],
            "c++17": ["c++", "-std=c++17", "-Wold-style-cast", "-x", "c++"]}

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("cc", "c++", "pkg-config"))),
                                reason="no compiler, or no pkg-config")


def run(*command, cwd=None, **environment):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd,
                          timeout=200, env=harness.clean_environment(environment), check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module", name="prefix")
def installed(tmp_path_factory):
    """An installation, moved after it was made: it knows no place."""
    folder = tmp_path_factory.mktemp("install")
    run("cmake", "--install", harness.BIN, "--prefix", folder / "first")
    return (folder / "first").rename(folder / "second")


def the(prefix, pattern):
    """The one file of that name."""
    (path,) = prefix.rglob(pattern)
    return path


def surroundings(prefix):
    """What a user sets whose prefix is not the system's."""
    return {"PKG_CONFIG_PATH": str(the(prefix, "otlp-arrow.pc").parent),
            "LD_LIBRARY_PATH": str(the(prefix, "libotlp_arrow.so").parent)}


# --- the files ---

def test_programs_libraries_headers_and_pages_are_there(prefix):
    version = run(prefix / "bin" / "otlp-arrow", "--version").split()[-1]
    assert run(prefix / "bin" / "otlp-arrow-service", "--version").split()[-1] == version
    library = the(prefix, "libotlp_arrow.so")
    assert os.readlink(library) == "libotlp_arrow.so.0"
    assert library.resolve().name == f"libotlp_arrow.so.{version}"
    assert the(prefix, "libotlp_arrow.a").parent == library.parent
    assert ({path.name for path in (prefix / "include").iterdir()} ==
            {path.name for path in (harness.ROOT / "include").glob("*.h")})
    pages = {page.stem for page in (prefix / "share" / "man" / "man3").iterdir()}
    assert declared() <= pages and "otlp_arrow" in pages
    assert ({page.name for page in (prefix / "share" / "man" / "man1").iterdir()} ==
            {"otlp-arrow.1", "otlp-arrow-service.1"})


def test_no_file_names_the_place_where_it_was_built_or_installed(prefix):
    """Neither the text nor the debug information of the binaries."""
    places = re.compile(b"|".join(
        rb"(?<![\w./-])" + re.escape(os.fsencode(place)) + rb"(?![\w-])"
        for place in (harness.ROOT, prefix.parent)))
    files = [path for path in prefix.rglob("*") if path.is_file() and not path.is_symlink()]
    binaries = {path for path in files if path.read_bytes().startswith((b"\x7fELF", b"!<arch>"))}
    assert len(binaries) == 4 and len(files) > 100
    # The assembler of gcc 12 notes its folder in objects that have LTO's code
    # and their own; sanitizers name sources.
    files = set(files) - {path for path in binaries if path.suffix == ".a" or sanitizer()}
    assert not [path for path in files if places.search(path.read_bytes())]
    for path in files - binaries:
        assert os.fsencode(harness.BIN) not in path.read_bytes(), path


def test_a_packager_installs_below_a_directory(tmp_path):
    run("cmake", "--install", harness.BIN, "--prefix", "/usr/nowhere", DESTDIR=str(tmp_path))
    prefix = tmp_path / "usr" / "nowhere"
    assert (prefix / "bin" / "otlp-arrow").exists() and not [
        path for path in tmp_path.rglob("*") if path.is_file() and prefix not in path.parents]
    for path in [the(prefix, "otlp-arrow.pc"), *prefix.rglob("*.cmake")]:
        assert str(tmp_path) not in path.read_text(encoding="utf-8"), path


# --- the headers ---

@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_header_compiles_alone_and_twice(prefix, dialect, tmp_path):
    names = sorted(path.name for path in (prefix / "include").iterdir())
    # The last includes all, each behind those that it may lean on.
    for number, group in enumerate([*([name] * 2 for name in names), names[::-1]]):
        source = tmp_path / f"{number}.c"
        source.write_text("".join(f"#include <{name}>\n" for name in group), encoding="utf-8")
        run(*DIALECTS[dialect], *STRICT, f"-I{prefix / 'include'}", source)


# --- pkg-config ---

def test_pkg_config_tells_version_and_dependencies(prefix):
    around = surroundings(prefix)
    version = run(prefix / "bin" / "otlp-arrow", "--version").split()[-1]
    assert run("pkg-config", "--modversion", "otlp-arrow", **around).strip() == version
    flags = run("pkg-config", "--cflags", "--libs", "otlp-arrow", **around).split()
    assert flags[-1] == "-lotlp_arrow"
    assert flags[0].startswith("-I") and os.path.samefile(flags[0][2:], prefix / "include")
    # What the library itself stands on is a static link's business alone.
    assert not [flag for flag in flags if flag.startswith("-l") and flag != "-lotlp_arrow"]
    assert {"-luv", "-lnghttp2", "-lzstd"} <= set(
        run("pkg-config", "--static", "--libs", "otlp-arrow", **around).split())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_built_by_the_command_in_its_comment(prefix, example, tmp_path):
    shutil.copy(example, tmp_path)
    text = re.sub(r"\\\n \*\s+", "", example.read_text(encoding="utf-8"))
    (command,) = re.findall(r"^ \*\s+cc (.*)$", text, re.M)
    command = " ".join(["cc", *sanitizer(), "-Wall", "-Wextra", "-Werror", command])
    run("sh", "-c", command, cwd=tmp_path, **surroundings(prefix))
    program = tmp_path / command.split()[-1]
    needed = run("ldd", program, **surroundings(prefix))
    assert re.search(rf"libotlp_arrow\.so\.0 => {re.escape(str(prefix))}/", needed), needed


def test_a_program_of_pkg_config_stores_what_the_tools_read(prefix, tmp_path):
    around = surroundings(prefix)
    flags = run("pkg-config", "--cflags", "--libs", "otlp-arrow", **around).split()
    run("cc", *sanitizer(), harness.ROOT / "examples" / "telemetry.c", *flags, "-o",
        tmp_path / "telemetry")
    run(tmp_path / "telemetry", tmp_path / "out", **around)
    told = run(prefix / "bin" / "otlp-arrow", "verify", tmp_path / "out")
    assert re.search(r"\b3 files\b", told), told


# --- CMake ---

PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES C CXX)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 11)
set(CMAKE_CXX_EXTENSIONS OFF)
find_package(OtlpArrow 99 QUIET)
if(OtlpArrow_FOUND)
  message(FATAL_ERROR "a version that is not there")
endif()
find_package(OtlpArrow 0.1 REQUIRED)
add_compile_options(-Wall -Wextra -pedantic -Werror)
foreach(library otlp_arrow otlp_arrow_static)
  add_executable(with_${library} main.c part.cc)
  target_link_libraries(with_${library} PRIVATE OtlpArrow::${library})
endforeach()
"""

MAIN = """
#include <otlp_arrow.h>
#include <stdio.h>

int in_cxx(oa_config **out, oa_error *error);

int main(void) {
  oa_error error;
  oa_config *config;
  if (__STDC_VERSION__ != 199901L || in_cxx(&config, &error) != OA_OK) {
    return 1;
  }
  if (oa_config_set(config, "ack", "never", &error) != OA_ERR_CONFIG) {
    return 2;
  }
  printf("%s: %s\\n", oa_version(), error.text);
  oa_config_free(config);
  return 0;
}
"""

PART = """
#include <otlp_arrow.h>

static_assert(__cplusplus == 201103L, "C++11");

extern "C" int in_cxx(oa_config **out, oa_error *error);

int in_cxx(oa_config **out, oa_error *error) {
  const oa_str text = OA_S("text");
  return text.len == 4 ? oa_config_new_embedded(out, error) : OA_ERR_CONFIG;
}
"""


def test_a_project_finds_the_package_for_c99_and_cxx11(prefix, tmp_path):
    for name, text in (("CMakeLists.txt", PROJECT), ("main.c", MAIN), ("part.cc", PART)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    flags = " ".join(sanitizer())
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}")
    run("cmake", "--build", tmp_path / "build")
    version = run(prefix / "bin" / "otlp-arrow", "--version").split()[-1]
    for name in ("otlp_arrow", "otlp_arrow_static"):
        program = tmp_path / "build" / f"with_{name}"
        assert run(program).startswith(f"{version}: ack: ")
        linked = "libotlp_arrow.so.0" in run("ldd", program)
        assert linked == (name == "otlp_arrow")
