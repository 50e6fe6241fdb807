# SPDX-License-Identifier: Apache-2.0
"""The man pages: those of the C API say all that the headers say, and those of
the programs name the options that the programs have."""

import re
import shutil
import subprocess
import sys

import pytest

import harness
from test_symbols import declared

INCLUDE = harness.ROOT / "include"
HEADERS = sorted(INCLUDE.glob("*.h"))
PROGRAM_PAGES = sorted((harness.ROOT / "packaging" / "man").glob("*.1"))

COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
INLINE = re.compile(r"\bstatic inline [^;(]*?\b(oa_\w+)\s*\(")
# A comment and the functions that follow without an empty line.
COMMENTED = re.compile(r"/\*((?:(?!\*/).)*)\*/\n((?:OA_API[^;]*;\n)+)", re.S)
# What a page says in its own way: its synopsis how to include, a title and the
# name of a section what the paragraph is of.
ELSEWHERE = re.compile(r"Include <otlp_arrow\.h>, which includes this\.|^otlp_\w+\.h - "
                       r"|^(Errors|Threads)\.|^--- | -+$", re.M)


def functions():
    inline = {name for header in HEADERS
              for name in INLINE.findall(header.read_text(encoding="utf-8"))}
    assert inline
    return declared() | inline


def make(out):
    done = subprocess.run([sys.executable, harness.ROOT / "tools" / "make_man.py",
                           "--version", "1.2.3", INCLUDE, out],
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture(scope="module", name="man")
def made_pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    make(folder / "man3")
    return folder


def groff(page, *options):
    """What groff makes of PAGE, without a word of complaint."""
    if shutil.which("groff") is None:
        pytest.fail("groff is needed to read man pages: apt-get install groff-base")
    done = subprocess.run(["groff", "-man", "-ww", *options, page], capture_output=True,
                          text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def squeezed(text):
    """TEXT without what layout changes: spaces, stars, quotes of code, case."""
    return re.sub(r"[\s*/`]+", "", text).casefold()


def shown(man, header):
    return squeezed(groff(man / "man3" / f"{header.stem}.3", "-Tascii", "-P-cbou"))


def unwrapped(comment):
    """A comment's paragraphs."""
    text = re.sub(r"^ *\* ?", "", comment, flags=re.M)
    return [re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", text)]


# --- the C API ---

def test_every_function_and_every_header_has_a_page_and_nothing_else_has(man):
    wanted = functions() | {header.stem for header in HEADERS}
    assert {page.stem for page in (man / "man3").glob("*")} == wanted
    assert len(wanted) > 90


def test_the_page_of_a_function_leads_to_the_page_that_has_it(man):
    for name in functions():
        text = (man / "man3" / f"{name}.3").read_text(encoding="utf-8")
        (target,) = re.fullmatch(r"\.so (man3/otlp_arrow\w*\.3)\n", text).groups()
        assert f"{name}(" in (man / target).read_text(encoding="utf-8"), name


def test_groff_has_nothing_to_complain_of(man):
    for header in HEADERS:
        groff(man / "man3" / f"{header.stem}.3", "-Tutf8", "-z")
    for page in PROGRAM_PAGES:
        groff(page, "-Tutf8", "-z")


def test_a_page_says_all_that_its_header_says(man):
    for header in HEADERS:
        page, said = shown(man, header), 0
        for comment in COMMENT.findall(header.read_text(encoding="utf-8"))[1:]:
            for text in unwrapped(comment):
                text = ELSEWHERE.sub("", text)
                assert squeezed(text) in page, f"{header.name}: {text}"
                said += 1
        assert said


def test_the_comment_of_a_function_follows_its_prototype(man):
    found = set()
    for header in HEADERS:
        page = shown(man, header)
        for comment, prototypes in COMMENTED.findall(header.read_text(encoding="utf-8")):
            if comment.startswith(" ---"):
                continue
            prototypes = prototypes.replace("OA_API ", "")
            text = "".join(unwrapped(comment))
            assert squeezed(prototypes) + squeezed(text) in page, prototypes
            found |= set(re.findall(r"\b(oa_\w+)\(", prototypes))
    assert len(found) > 60


def test_lines_fit_a_terminal_of_80_columns(man):
    for header in HEADERS:
        text = groff(man / "man3" / f"{header.stem}.3", "-Tascii", "-P-cbou", "-rLL=78n")
        assert not [line for line in text.splitlines() if len(line) > 80]


def test_a_page_tells_where_an_error_comes_from(man):
    """A status of a comment, one of an opening comment, and those that "The
    same" stands for."""
    page = shown(man, INCLUDE / "otlp_arrow_export.h")
    listed = page[page.index("errorsoa_err_"):page.rindex("threads")]
    assert re.search(r"oa_err_busy[^(]+\([^)]*oa_service_export\(\),"
                     r"oa_service_export_built\(\),oa_service_export_arrow\(\)\)", listed)
    assert "oa_err_closedtheobjectwasshutdown" in listed


def test_pages_name_pages_that_are_there(man):
    there = {f"{header.stem}(3)" for header in HEADERS}
    there |= {f"{page.stem}(1)" for page in PROGRAM_PAGES}
    for page in [*(man / "man3").glob("otlp_*.3"), *PROGRAM_PAGES]:
        named = groff(page, "-Tascii", "-P-cbou").split("SEE ALSO")[1]
        named = set(re.findall(r"[\w-]+\(\d\)", named)) - {f"{page.stem}({page.suffix[1]})"}
        assert named and named <= there, page.name


def test_made_again_pages_are_the_same_and_old_ones_go(man, tmp_path):
    shutil.copytree(man, tmp_path / "man")
    stale = tmp_path / "man" / "man3" / "oa_gone.3"
    stale.write_text(".so man3/otlp_arrow.3\n", encoding="utf-8")
    make(tmp_path / "man" / "man3")
    assert not stale.exists()
    for page in (man / "man3").iterdir():
        assert (tmp_path / "man" / "man3" / page.name).read_bytes() == page.read_bytes()


@pytest.mark.parametrize("python", [True, False])
def test_cmake_makes_pages_where_there_is_a_python(python, tmp_path):
    configured = subprocess.run(
        ["cmake", "-S", harness.ROOT, "-B", tmp_path, "-G", "Ninja", "-DOA_TESTS=OFF",
         f"-DCMAKE_DISABLE_FIND_PACKAGE_Python3={'OFF' if python else 'ON'}"],
        capture_output=True, text=True, timeout=120, check=False)
    assert configured.returncode == 0, configured.stderr
    built = subprocess.run(["cmake", "--build", tmp_path, "--target", "oa_man"],
                           capture_output=True, text=True, timeout=120, check=False)
    assert (built.returncode == 0) == python, built.stdout
    pages = {page.stem for page in tmp_path.glob("man/man3/*.3")}
    assert pages == (functions() | {header.stem for header in HEADERS} if python else set())


# --- the programs ---

def options(text):
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))


def test_the_service_has_the_options_of_its_page():
    (page,) = [page for page in PROGRAM_PAGES if page.stem == "otlp-arrow-service"]
    told = harness.run_service("--help")
    assert told.returncode == 0
    assert options(groff(page, "-Tascii", "-P-cbou")) == options(told.stdout) != set()


def test_the_commands_have_the_options_of_their_page():
    (page,) = [page for page in PROGRAM_PAGES if page.stem == "otlp-arrow"]
    source = page.read_text(encoding="utf-8").replace("\\-", "-").replace("\\f", " ")
    sections = {text.split()[0]: text.split("\n.SH")[0] for text in source.split("\n.SS ")[1:]}
    listed = re.findall(r"^  ([a-z]+) +(?:FILE|DIR)", harness.run_tool("--help").stdout, re.M)
    assert set(sections) == set(listed)
    for command, text in sections.items():
        told = harness.run_tool(command, "--help")
        assert told.returncode == 0
        assert options(text) == options(told.stdout) - {"-h", "--help"}, command
