# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after the power went, made from a journal of calls.

The promise of POSIX and no more: data is there once its file was synced, names
are there once their directory was.  All else may be there, or not, or in part:
un-synced writes are dropped, torn at 512 or 4096 bytes, full of holes or of
zeros; un-synced creates, renames and removals happen, do not, or some do.  A
rename is done or not done, and sizes change in the order of the calls.
"""

import os
import struct
from pathlib import Path

CREATE, WRITE, SIZE, SYNC, SYNC_DIR, RENAME, UNLINK, MKDIR = range(1, 9)
HEAD = struct.Struct("<7q")
MAGIC = 0x4F41504F57455231
END = b"\xff\xff\xff\xff\0\0\0\0"


class Record:
    __slots__ = ("op", "inode", "at", "path", "other", "data", "end")


def read_journal(data):
    """The records, each with the length of the journal after it."""
    records, at = [], 0
    while at + HEAD.size <= len(data):
        magic, op, inode, where, path, other, size = HEAD.unpack_from(data, at)
        assert magic == MAGIC, f"the journal is broken at {at}"
        begin = at + HEAD.size
        if begin + path + other + size > len(data):
            break  # the process was killed while it wrote this
        record = Record()
        record.op, record.inode, record.at = op, inode, where
        record.path = data[begin:begin + path].decode()
        record.other = data[begin + path:begin + path + other].decode()
        record.data = data[begin + path + other:begin + path + other + size]
        at = record.end = begin + path + other + size
        records.append(record)
    return records


class File:
    def __init__(self, data=b""):
        self.safe = bytearray(data)  # what is on the disk for certain
        self.waiting = []  # (offset, data) or (size, None), in order

    def now(self):
        content = bytearray(self.safe)
        for at, data in self.waiting:
            change(content, at, data)
        return content

    def sync(self):
        self.safe = self.now()
        self.waiting = []

    def cut(self, rng):
        """The content after a power cut, at random."""
        if not self.waiting:
            return bytes(self.safe)
        how = rng.choice(("none", "all", "torn", "holes", "zeros"))
        if how == "none":
            return bytes(self.safe)
        content = bytearray(self.safe)
        count = len(self.waiting) if how == "all" else rng.randrange(len(self.waiting) + 1)
        block = rng.choice((512, 4096))
        zeros = rng.randrange(count + 1)
        for number, (at, data) in enumerate(self.waiting[:count]):
            if data is None or how in ("all", "torn"):
                change(content, at, data)
            elif how == "zeros":
                change(content, at, data if number < zeros else bytes(len(data)))
            else:
                put_with_holes(content, at, data, block, rng)
        if how == "torn" and count < len(self.waiting):
            at, data = self.waiting[count]
            if data is not None:
                edge = (at + rng.randrange(len(data) + 1)) // block * block
                change(content, at, data[:max(0, edge - at)])
        return bytes(content)


def change(content, at, data):
    if data is None:
        if at < len(content):
            del content[at:]
        else:
            content.extend(bytes(at - len(content)))
        return
    if not data:
        return
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at:at + len(data)] = data


def put_with_holes(content, at, data, block, rng):
    """The size is there, of the blocks some are."""
    if at + len(data) > len(content):
        content.extend(bytes(at + len(data) - len(content)))
    begin = at
    while begin < at + len(data):
        end = min((begin // block + 1) * block, at + len(data))
        if rng.random() < 0.7:
            content[begin:end] = data[begin - at:end - at]
        begin = end


class Folder:
    def __init__(self):
        self.safe = {}  # name -> File or Folder
        self.waiting = []  # (op, name, other name, what)

    def names(self, changes=None):
        names = dict(self.safe)
        for entry in self.waiting if changes is None else changes:
            apply(names, entry)
        return names

    def sync(self):
        self.safe = self.names()
        self.waiting = []

    def cut(self, rng):
        """The names after a power cut, at random."""
        how = rng.choice(("none", "all", "some first", "some"))
        if how == "none":
            return self.names([])
        if how == "all":
            return self.names()
        if how == "some first":
            return self.names(self.waiting[:rng.randrange(len(self.waiting) + 1)])
        return self.names([entry for entry in self.waiting if rng.random() < 0.5])


def apply(names, entry):
    """A change whose cause did not happen does not happen either."""
    op, name, other, what = entry
    if op in (CREATE, MKDIR):
        names[name] = what
    elif op == UNLINK:
        if names.get(name) is what:
            del names[name]
    elif names.get(name) is what:
        del names[name]
        names[other] = what


class Disk:
    """Begins with what DIRECTORY holds, all of it safe."""

    def __init__(self, directory):
        self.top = str(directory)
        self.inodes = {}
        self.root = self.load(Path(directory))

    def load(self, path):
        folder = Folder()
        for entry in sorted(path.iterdir()):
            if entry.is_dir():
                folder.safe[entry.name] = self.load(entry)
            else:
                folder.safe[entry.name] = self.inodes[entry.stat().st_ino] = \
                    File(entry.read_bytes())
        return folder

    def find(self, path):
        """The folder of PATH, and its name there."""
        parts = os.path.relpath(path, self.top).split("/")
        folder = self.root
        for part in parts[:-1]:
            folder = folder.names()[part]
        return folder, parts[-1]

    def folder(self, path):
        if path == self.top:
            return self.root
        folder, name = self.find(path)
        return folder.names()[name]

    def do(self, record):
        op = record.op
        if op == WRITE:
            self.inodes[record.inode].waiting.append((record.at, record.data))
        elif op == SIZE:
            self.inodes[record.inode].waiting.append((record.at, None))
        elif op == SYNC:
            self.inodes[record.inode].sync()
        elif op == SYNC_DIR:
            self.folder(record.path).sync()
        else:
            folder, name = self.find(record.path)
            other = None
            if op == CREATE:
                what = self.inodes[record.inode] = File()
            elif op == MKDIR:
                what = Folder()
            else:
                what = folder.names()[name]
            if op == RENAME:
                target, other = self.find(record.other)
                assert target is folder, "renamed into another directory"
            folder.waiting.append((op, name, other, what))

    def build(self, target, rng):
        """Makes what a power cut may leave now."""
        self.build_folder(self.root, Path(target), rng)

    def build_folder(self, folder, target, rng):
        target.mkdir(parents=True)
        for name, what in folder.cut(rng).items():
            if isinstance(what, Folder):
                self.build_folder(what, target / name, rng)
            else:
                (target / name).write_bytes(what.cut(rng))

    def finished(self):
        """Paths and contents of the stream files that are safe and whole."""
        return dict(self.finished_in(self.root, ""))

    def finished_in(self, folder, path):
        gone = [entry[1] for entry in folder.waiting]
        for name, what in folder.safe.items():
            if isinstance(what, Folder):
                yield from self.finished_in(what, f"{path}{name}/")
            elif name.endswith(".arrow") and not what.waiting and what.safe.endswith(END) and \
                    name not in gone and name not in [entry[2] for entry in folder.waiting]:
                yield path + name, bytes(what.safe)
