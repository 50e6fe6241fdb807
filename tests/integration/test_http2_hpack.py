# SPDX-License-Identifier: Apache-2.0
"""RFC 7541: header blocks in every form, and those that must end a connection."""

import hpack
from hpack.huffman_table import decode_huffman

from http2conformance import (OK, Table, connection, grpc, http, in_every_way, run_table, stream)
from http2peer import (CONTINUATION, END_HEADERS, END_STREAM, HEADER_TABLE_SIZE, HEADERS, Peer,
                       fields, frame, integer, literal, message, octets, plain, span)

TABLE = Table()
add, case = TABLE.add, TABLE.case

COMPRESSION = connection("COMPRESSION_ERROR")
REQUEST = plain(fields())
INDEXED, UNINDEXED, NEVER = 0x40, 0x00, 0x10


def index(number):
    return integer(number, 7, 0x80)


def table_size(size):
    return integer(size, 5, 0x20)


def named(number, value, first=INDEXED):
    """A field whose name is entry NUMBER."""
    return integer(number, 6 if first == INDEXED else 4, first) + octets(value)


def wrong(section, title, block):
    add(section, title, COMPRESSION, lambda peer: (peer.open_raw(block, end=True), None)[1])
    # Behind a request that could be worked on, too.
    add(section, title + ", behind a request", COMPRESSION,
        lambda peer: (peer.open_raw(REQUEST + block, end=True), None)[1])


def right(section, title, *blocks, allowed=OK):
    """Several requests with BLOCKS before their fields."""
    def send(peer):
        for at, block in enumerate(blocks):
            number = peer.names(peer.open_raw(block), f"{peer.name} {at}")
            peer.data(number, message(span(f"{peer.name} {at}")))
            peer.finish(number)
        return number
    add(section, title, allowed, send)


# --- 2.3.3: the space of indices ---

wrong("2.3.3", "index 0", index(0))
for number in (62, 63, 70, 127, 128, 1000, 1 << 16, 1 << 27):
    wrong("2.3.3", f"index {number} while the dynamic table is empty", index(number))
    wrong("2.3.3", f"a name of index {number}", named(number, "v"))
    wrong("2.3.3", f"a name of index {number}, not indexed", named(number, "v", UNINDEXED))
    wrong("2.3.3", f"a name of index {number}, never indexed", named(number, "v", NEVER))
for count in (1, 3):
    wrong("2.3.3", f"one entry beyond {count}",
          b"".join(literal(f"x-{i}", "v", INDEXED) for i in range(count)) + index(62 + count))

# --- 2.3.2, 4.4: the dynamic table ---

right("2.3.2", "the latest entry has the lowest index", REQUEST + literal("x-a", "1", INDEXED) +
      literal("te", "trailers", INDEXED), REQUEST + index(62) + index(63), REQUEST + index(63) * 3)
right("2.3.2", "duplicates may be in the table", REQUEST + literal("x-a", "1", INDEXED) * 5,
      REQUEST + index(62) + index(66))
wrong("4.4", "an entry that has been evicted",
      literal("x-a", "1", INDEXED) + literal("x-b", "v" * 4096, INDEXED) + index(62))
wrong("4.4", "an entry greater than the table empties it",
      literal("x-a", "1", INDEXED) + literal("x-b", "v" * 5000, INDEXED) + index(62))
wrong("4.4", "an entry that just does not fit", literal("x", "v" * (4096 - 32), INDEXED) + index(62))
right("4.4", "an entry that just fits", REQUEST + literal("x", "v" * (4096 - 33), INDEXED) + index(62))
right("4.4", "a name whose entry is evicted by its use",
      REQUEST + literal("x-long", "v" * 4000, INDEXED) + named(62, "w" * 4000) + index(62))

# --- 4.2, 4.3, 6.3: size updates ---

for size in (4097, 4096 + 31, 65536, 1 << 20, (1 << 32) - 1):
    wrong("4.2", f"a table of {size}, more than was offered", table_size(size))
for size in (0, 1, 4095, 4096):
    right("4.2", f"a table of {size}", table_size(size) + REQUEST, REQUEST)
right("4.2", "two updates", table_size(0) + table_size(4096) + REQUEST + literal("x", "y", INDEXED),
      REQUEST + index(62))
right("4.3", "a table that is emptied", REQUEST + literal("x", "y", INDEXED),
      table_size(0) + table_size(4096) + REQUEST)
for title, block in (("at the end of a block", literal("x", "y") + table_size(100)),
                     ("between fields", literal("x", "y") + table_size(100) + literal("x", "z"))):
    wrong("4.2", f"an update {title}", block)


@case("4.3", "an entry from before the table was emptied", COMPRESSION)
def _(peer):
    number = peer.names(peer.open_raw(REQUEST + literal("x", "y", INDEXED)))
    peer.data(number, message(span(peer.name)))
    peer.finish(number)
    peer.open_raw(table_size(0) + REQUEST + index(62), end=True)


@case("4.2", "an update in the trailers", OK)
def _(peer):
    number = peer.names(peer.open_raw(REQUEST))
    peer.data(number, message(span(peer.name)), end=False)
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, number, table_size(10) + literal("a", "b")))
    return number


@case("4.2", "our own limit is kept by the server's encoder", OK,
      options={"pairs": ((HEADER_TABLE_SIZE, 0),)})
def _(peer):
    for _ in range(3):
        number = peer.call(name=f"{peer.name} {peer.next}")
        peer.finish(number)
    return number


# --- 5.1: integers ---

for title, rest in (("without an end", b"\xff" * 20), ("of 2^32", b"\x81\xff\xff\xff\x0f"),
                    ("of 2^63", b"\x80" + b"\xff" * 8 + b"\x7f"), ("of 2^35", b"\x80" * 5 + b"\x01"),
                    ("of 2^64", b"\x81" + b"\xff" * 8 + b"\x01")):
    wrong("5.1", f"an index {title}", b"\xff" + rest)
    wrong("5.1", f"a length {title}", b"\x00\x01x\x7f" + rest)
    wrong("5.1", f"a length {title}, Huffman", b"\x00\x01x\xff" + rest)
    wrong("5.1", f"a table size {title}", b"\x3f" + rest)
wrong("5.1", "an integer that is cut", b"\xff")
wrong("5.1", "an integer that is cut later", b"\x00\x01x\x7f\x80")
right("5.1", "an integer longer than it must be", REQUEST + b"\x00\x01x\x7f\x80\x80\x00" + b"v" * 127)

# --- 5.2: strings ---

for title, text in (("padding of eight bits", b"\x1f\xff"), ("padding of 15 bits", b"\x1f\xff\xff"),
                    ("padding of zeros", b"\x18"), ("padding that is mixed", b"\x1d"),
                    ("EOS", b"\x3f\xff\xff\xff"), ("EOS alone", b"\xff\xff\xff\xff"),
                    ("EOS and more", b"\xff\xff\xff\xfc\x1f"), ("padding alone", b"\xff"),
                    ("a code that is cut", b"\x1f\xff\xff\xfe")):
    coded = integer(len(text), 7, 0x80) + text
    wrong("5.2", f"Huffman: {title}, in a value", b"\x00\x01x" + coded)
    wrong("5.2", f"Huffman: {title}, in a name", b"\x00" + coded + b"\x01v")
for title, block in (("a name", b"\x00\x05ab"), ("a value", b"\x00\x01x\x05ab"),
                     ("a value that is missing", b"\x00\x01x"), ("a name that is missing", b"\x40"),
                     ("a Huffman value", b"\x00\x01x\x85\x1f"), ("a long value", b"\x00\x01x\x7f\x80\x7f")):
    wrong("5.2", f"cut: {title}", block)
right("5.2", "Huffman for all", hpack.Encoder().encode(fields(), huffman=True),
      hpack.Encoder().encode(fields(("x-text", "".join(map(chr, range(0x20, 0x7F))).strip())),
                             huffman=True))
right("5.2", "empty strings", REQUEST + literal("x", ""), REQUEST + b"\x00\x01x\x80")

# --- 6.1, 6.2: representations ---

wrong("6.1", "index 0 between good fields", literal("x", "y") + index(0) + literal("x", "z"))
METHOD, SCHEME = index(3), index(6)
LESS = plain(fields(drop=(":method", ":scheme")))
right("6.1", "entries of the static table", METHOD + SCHEME + LESS)
for first, title in ((INDEXED, "indexed"), (UNINDEXED, "not indexed"), (NEVER, "never indexed")):
    right("6.2", f"literals, {title}, with a name of the table",
          named(2, "POST", first) + named(6, "http", first) + LESS)
    right("6.2", f"literals, {title}, with a new name",
          b"".join(literal(name, value, first) for name, value in fields()))
right("6.2.1", "what was indexed is there again",
      b"".join(literal(name, value, INDEXED) for name, value in fields()),
      b"".join(index(67 - i) for i in range(6)))
right("6.2.2", "what was not indexed takes no entry",
      REQUEST + literal("x", "y", INDEXED) + literal("z", "z", UNINDEXED), REQUEST + index(62))
wrong("6.2.2", "an entry that was never made", literal("z", "z", UNINDEXED) + index(62))
wrong("6.2.3", "an entry that was never made", literal("z", "z", NEVER) + index(62))

# --- how long a list may be (RFC 9113, 10.5.1) ---

LONG = literal("x-long", "v" * 1000)
right("10.5.1", "a list shorter than was advertised", REQUEST + LONG * 14)
right("10.5.1", "a list longer than was advertised", REQUEST + LONG * 16,
      allowed=http(431) | grpc(8) | stream("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR"))


@case("10.5.1", "a list that is long through indices alone",
      connection("ENHANCE_YOUR_CALM", "COMPRESSION_ERROR") | http(431))
def _(peer):
    block = REQUEST + literal("x", "v" * 4000, INDEXED) + index(62) * 10000
    number = peer.number()
    peer.send(frame(HEADERS, END_STREAM, number, block[:16000]),
              frame(CONTINUATION, END_HEADERS, number, block[16000:]))
    return number


@in_every_way
def test_header_blocks(start, tmp_path, way):
    run_table(TABLE, start, tmp_path, way)


def test_what_the_server_compresses_reads_as_it_should(start):
    """The same answers with a table of every size, and without one."""
    service = start()
    heads = []
    for size in (4096, 0, 64, 200, 65536):
        with Peer(service.port, pairs=((HEADER_TABLE_SIZE, size),)) as peer:
            for _ in range(20):
                number = peer.request("s")
                answer = peer.finish(number)
                heads.append((answer.head, answer.trailers))
    assert all(head == heads[0] for head in heads), heads


def test_the_client_library_is_strict_itself():
    """Otherwise the test above would say little."""
    assert decode_huffman(b"\x1f") == b"a"
    for text in (b"\x1f\xff", b"\xff\xff\xff\xff"):
        try:
            decode_huffman(text)
        except hpack.HPACKDecodingError:
            continue
        raise AssertionError(text)
