#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the man pages of the C API from the public headers.

    make_man.py --version 0.1.0 include/ build/man/man3

A header becomes one page: its opening comment, then its declarations, each
with the comment over it, in the order of the file.  Every function gets a page
of one line that leads there, so that `man oa_service_start` works.  The
headers are the only source: a sentence that is wrong is mended in them.

What the parser relies on is how the headers are laid out: a comment belongs to
the declarations that follow it without an empty line, and a comment that
begins with "---" opens a section.
"""
import argparse
import pathlib
import re
import sys
import textwrap

# Of code and prototypes; man indents them by 7 and more on a line of 80.
WIDTH = 70
PRODUCT = "otlp-arrow"
ENTRY = "otlp_arrow"  # the page with what holds for all
PROGRAMS = [("otlp-arrow", 1), ("otlp-arrow-service", 1)]

COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
BODY = re.compile(r'extern "C" \{\n#endif\n(.*?)\n#ifdef __cplusplus\n\}', re.S)
PROTOTYPE = re.compile(r"(.*?\b(oa_\w+)\)?)\((.*)\)", re.S)
STATUS = re.compile(r"\bOA_(?:ERR_[A-Z_]*[A-Z]|END)\b")
# How a page is included stands in its synopsis.
INCLUDING = re.compile(r"\s*Include <otlp_arrow\.h>,\s+which\s+includes\s+this\.")


class Declaration:
    """A prototype, a type or a constant, as its header has it."""

    def __init__(self, source):
        bare = re.sub(r"\s+", " ", COMMENT.sub("", source)).strip()
        self.source = source
        self.is_function = bare.startswith(("OA_API", "static inline"))
        match = PROTOTYPE.match(bare.split("{")[0].rstrip("; "))
        if self.is_function or re.match(r"typedef [\w ]+\(\*", bare):
            head, self.name, inside = match.groups()
            self.head = re.sub(r"^(OA_API|static inline) ", "", head)
            self.parameters = [part.strip() for part in inside.split(",")]
            self.words = {names(part) for part in self.parameters} - {"void"}
        else:
            self.name = None
            self.words = set(re.findall(r"(\w+)(?:\[\w+\])?[;,]", bare))
            self.words |= set(re.findall(r"\(\*(\w+)\)", bare))

    def gives_status(self):
        return self.is_function and self.head.startswith("oa_status ")


class Group:
    """Declarations under one comment, or a section's title and text."""

    def __init__(self, text="", title=None):
        self.text, self.title, self.declarations = text, title, []

    def functions(self):
        return [one for one in self.declarations if one.is_function]

    def statuses(self, before):
        """What the text names; 'The same' are those of the group BEFORE too."""
        own = set(STATUS.findall(self.text))
        return own | before if self.text.startswith("The same") else own

    def words(self):
        """The names of parameters and members that the text may have in
        capitals."""
        return {word for one in self.declarations for word in one.words}


def names(parameter):
    """The name in a parameter, which is its last word."""
    return re.findall(r"\w+", parameter)[-1]


def plain(comment):
    """A comment's text without stars, its line breaks kept."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in
             COMMENT.fullmatch(comment.strip())[1].rstrip().splitlines()]
    return "\n".join(line.rstrip() for line in lines).strip("\n ")


def statement(lines, start):
    """The line behind the declaration that begins at START."""
    text = ""
    for end in range(start, len(lines)):
        text = COMMENT.sub("", text + lines[end] + "\n")
        if text.count("{") == text.count("}") and text.rstrip().endswith((";", "}")):
            return end + 1
    raise ValueError(f"a declaration has no end: {lines[start]}")


def groups_of(body):
    """The declarations of a header, grouped by their comments."""
    lines, found, i, fresh = body.splitlines(), [], 0, True
    while i < len(lines):
        end = i + 1
        if lines[i].startswith("/*"):
            while "*/" not in lines[end - 1]:
                end += 1
            text = plain("\n".join(lines[i:end]))
            title = re.match(r"--- (.*?) -+(?:\n|$)", text)
            found.append(Group(text[title.end():].strip("\n"), title[1]) if title
                         else Group(text))
            fresh = bool(title)
        elif re.match(r"#define \w+(\(\w+\))? \S|[A-Za-z]", lines[i]):
            if lines[i][0] != "#":
                end = statement(lines, i)
            source = "\n".join(lines[i:end])
            # What is only named here is of another page.
            if not re.fullmatch(r"struct \w+;", source):
                if fresh:
                    found.append(Group())
                found[-1].declarations.append(Declaration(source))
                fresh = False
        else:
            fresh = True
        i = end
    return found


class Header:
    """A public header, taken apart."""

    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        self.page = path.stem
        body, comments = BODY.search(text), list(COMMENT.finditer(text))
        if body is None or len(comments) < 2 or f"{path.name} - " not in comments[1][0]:
            raise ValueError(f'{path}: no "{path.name} - what it is", or no extern "C"')
        opening = plain(comments[1][0])
        opening = INCLUDING.sub("", opening).split(" - ", 1)[1]
        # The opening sentence up to where it goes into details.
        self.what = re.split(r"[:.](?:\s|$)", re.sub(r"\s+", " ", opening), maxsplit=1)[0]
        self.opening = re.split(r"\n{2,}", opening[0].upper() + opening[1:])
        self.groups = groups_of(body[1])

    def functions(self):
        return [one for group in self.groups for one in group.functions()]

    def words(self):
        """What text that belongs to no declaration may name; A is an article
        there."""
        return {word for group in self.groups for word in group.words() if len(word) > 1}

    def paragraphs(self, about):
        """Those of the opening comment that say what holds for errors or for
        threads."""
        if about == "errors":
            return [text for text in self.opening if text.startswith("Errors.")]
        return [text for text in self.opening if re.search(r"\bthreads?\b", text)]

    def description(self):
        apart = self.paragraphs("errors") + self.paragraphs("threads")
        return [text for text in self.opening if text not in apart]


# --- roff ---

def code(text):
    """TEXT as it is, for lines that are not filled."""
    for character, escaped in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("`", "\\(ga"),
                                ("^", "\\(ha"), ("~", "\\(ti")):
        text = text.replace(character, escaped)
    return re.sub(r"^\.", r"\\&.", text, flags=re.M)


def prose(text, words):
    """A paragraph; WORDS in capitals are parameters and members."""
    # roff wants sentences to begin on lines of their own.
    text = re.sub(r"(?<=[\w)\"][.!?]) (?=[\"*A-Z0-9]|oa_)", "\n", re.sub(r"\s+", " ", text))
    text = text.replace("\\", "\\e").replace("^", "\\(ha").replace("~", "\\(ti")
    text = re.sub(r"`([^`\n]+)`", r"\\fB\1\\fR", text).replace("`", "\\(ga")
    text = re.sub(r"(?<!\w)-|-(?!\w)", r"\\-", text)
    text = re.sub(r"(?<![\w/])(OA_[A-Z_]+\w|oa_\w+|[a-z_]+(?=\(\d\)))(?!\.h)", r"\\fB\1\\fR", text)

    def italic(match):
        word = match[0].lower()
        return f"\\fI{word}\\fR" if word in words else match[0]
    text = re.sub(r"(?<![\w\\(])[A-Z][A-Z_]*[A-Z](?!\w)|(?<![\w\\])[A-Z](?=\W)", italic, text)
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def paragraphs(text, words):
    """Text with empty lines between paragraphs; what is indented is code."""
    out = []
    for part in re.split(r"\n{2,}", text) if isinstance(text, str) else text:
        lines = part.splitlines()
        indented = next((i for i, line in enumerate(lines) if line.startswith("  ")), len(lines))
        if indented:
            out += [".PP", prose("\n".join(lines[:indented]), words)]
        if indented < len(lines):
            out += [".PP", ".RS 4", ".nf",
                    code(textwrap.dedent("\n".join(lines[indented:]))), ".fi", ".RE"]
    return out


def prototype(one):
    """A function's declaration in lines of WIDTH."""
    lines, column = [f"{one.head}("], len(one.head) + 1
    if column > WIDTH // 2:
        column = 4
    for i, part in enumerate(one.parameters):
        part += ", " if i + 1 < len(one.parameters) else ");"
        if len(lines[-1]) + len(part.rstrip()) > WIDTH:
            lines.append(" " * column)
        lines[-1] += part
    out = code("\n".join(line.rstrip() for line in lines))
    parameters = {names(part) for part in one.parameters} - {"void"}
    # Only behind the name: a type may be called as a parameter is.
    head = len(code(one.head)) + 1
    rest = re.sub(r"\b(\w+)(?=,|\);)", lambda match: f"\\fI{match[1]}\\fB"
                  if match[1] in parameters else match[1], out[head:])
    return "\n".join(f"\\fB{line}\\fR" for line in (out[:head] + rest).split("\n"))


def wrapped(text, indent, further):
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + further,
                         break_long_words=False, break_on_hyphens=False)


def narrowed(source):
    """The source of a type, with comments that do not fit over their members."""
    out = []
    for match in re.finditer(r"( *)([^\n/]*?) *(/\*.*?\*/)?\n", source + "\n", re.S):
        indent, member, comment = match.groups()
        whole = match[0].rstrip("\n")
        if len(whole) > WIDTH:  # perhaps only because comments are aligned
            whole = f"{indent}{member} {comment or ''}".rstrip()
        if comment and (len(whole) > WIDTH or "\n" in whole):
            body = re.sub(r"\s+", " ", plain(comment))
            out += wrapped(f"/* {body} */", indent, " * ")
            whole = f"{indent}{member}"
        if whole.strip():
            # Broken behind commas only.
            out += [whole] if len(whole) <= WIDTH else [
                line.replace("\a", " ") for line in
                wrapped(re.sub(r"(?<!,) ", "\a", member), indent, "    ")]
    return code("\n".join(out))


def declaration(one):
    return prototype(one) if one.name else narrowed(one.source)


def section(title, lines):
    return [f".SH {title}", *(lines[1:] if lines[0] == ".PP" else lines)]


def errors(header, meanings):
    """What the functions' comments say that they return, and the opening
    comment of all of them."""
    given, before = {status: [] for status in meanings}, set()
    for group in header.groups:
        before = group.statuses(before)
        for status in before & set(meanings):
            given[status] += [f"{one.name}()" for one in group.functions() if one.gives_status()]
    out = []
    everywhere = STATUS.findall("\n".join(header.opening))
    for status, functions in given.items():
        if functions or status in everywhere:
            by = f"({', '.join(functions)})" if functions else ""
            out += [".TP", f".B {status}", prose(f"{meanings[status]} {by}".strip(), set())]
    return out


def general(header, entry, about):
    """What a page says of errors or of threads: its own, then what holds for
    all functions."""
    own = header.paragraphs(about)
    if header is not entry:
        own = own + entry.paragraphs(about)
    return [re.sub(r"^(Errors|Threads)\.\s+", "", text) for text in own]


def page(header, entry, headers, version, meanings):
    words = header.words() | {"error"}
    out = ['.\\" Made from ' + header.page + ".h by tools/make_man.py.",
           f'.TH {header.page} 3 "" "{PRODUCT} {version}" "{PRODUCT}"',
           # Names of functions are neither hyphenated nor stretched.
           ".nh", ".ad l", ".SH NAME", f"{header.page} \\- {prose(header.what, set())}",
           ".SH SYNOPSIS", ".nf", "\\fB#include <otlp_arrow.h>\\fR", "",
           code("cc program.c $(pkg-config --cflags --libs otlp-arrow)")]
    if header.functions():
        out += ["", *(prototype(one) for one in header.functions())]
    out += [".fi", *section("DESCRIPTION", paragraphs(header.description(), words))]
    for group in header.groups:
        if group.title:
            out.append(f".SS {group.title}")
        if group.declarations:
            out += [".PP", ".nf", *(declaration(one) for one in group.declarations), ".fi"]
        text = paragraphs(group.text, group.words() or words) if group.text else []
        out += [".RS 4", *text[1:], ".RE"] if group.declarations and text else text
    if any(one.gives_status() for one in header.functions()):
        out += section("RETURN VALUE", paragraphs(general(header, entry, "errors"), words))
        listed = errors(header, meanings)
        if listed:
            out += [".SH ERRORS", *listed]
    if header.functions():
        out += section("THREADS", paragraphs(general(header, entry, "threads"), words))
    others = [(other.page, 3) for other in headers if other is not header]
    out += [".SH SEE ALSO", " ,\n".join(f".BR {code(name)} ({number})"
                                        for name, number in PROGRAMS + others)]
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Makes man pages from the public headers.")
    parser.add_argument("--version", required=True, help="of the library, for the footers")
    parser.add_argument("include", type=pathlib.Path, help="the folder of the headers")
    parser.add_argument("out", type=pathlib.Path, help="the folder of the pages")
    arguments = parser.parse_args()

    try:
        headers = [Header(path) for path in sorted(arguments.include.glob("*.h"))]
    except ValueError as error:
        sys.exit(f"make_man.py: {error}")
    (entry,) = [header for header in headers if header.page == ENTRY]
    (base,) = [header for header in headers if header.page == ENTRY + "_base"]
    (statuses,) = [one.source for group in base.groups for one in group.declarations
                   if "OA_OK = 0" in one.source]
    meanings = {name: re.sub(r"\s+", " ", meaning) for name, meaning in re.findall(
        r"(OA_(?:ERR_\w+|END)) = -\d+,?(?:[ ]*/\*\s*(.*?)\s*\*/)?", statuses, re.S)}

    pages = {}
    for header in headers:
        pages[header.page] = page(header, entry, headers, arguments.version, meanings)
        for one in header.functions():
            pages[one.name] = f".so man3/{header.page}.3\n"
    arguments.out.mkdir(parents=True, exist_ok=True)
    for stale in arguments.out.glob("*.3"):
        if stale.stem not in pages:
            stale.unlink()
    # The entry page is last: whoever finds it new finds all of them.
    for name in sorted(pages, key=lambda name: (name == ENTRY, name)):
        (arguments.out / f"{name}.3").write_text(pages[name], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
