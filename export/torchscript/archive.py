"""The content of a TorchScript file, compared with another's without loading either.

A TorchScript file is a program: `torch.jit.load` already runs the `__setstate__` methods in it. It
is an archive of source code (code/), the module's values (data.pkl, constants.pkl), tensors (data/,
constants/) and extra files. Here all of it is read as text and bytes, by PyTorch's own reader of
archives, so that another reading of a crafted archive is not possible.

The name of a class in the file depends on what its process compiled before: "___torch_mangle_3".
Classes are therefore numbered in the order in which the module's values and the code refer to them.
"""

import pickletools
import re
from typing import BinaryIO

import torch

CODE = re.compile(r"code/(__torch__(?:/\w+)*)\.py")
DEFINITION = re.compile(r"(?:class|def) (\w+)")
CONSTANTS = re.compile(r"(?:^  \w+ : Final\[.*\n)+", re.MULTILINE)
REFERENCE = re.compile(r"__torch__(?:\.\w+)+")
MANGLED = re.compile(r"\.___torch_mangle_\d+")
NUMBER = "\0"  # before the number of a class: no code has this character
NOT_COMPARED = {".data/serialization_id"}  # a checksum of the archive
DEBUG = ".debug_pkl"  # where the code comes from, for error messages

Content = dict[str, object]


def content_of(file: str | BinaryIO) -> Content:
    """What a TorchScript file consists of, by name: two files with equal content are equivalent.

    Args:
        file: its path, or an open file.

    Raises:
        ValueError, RuntimeError: if the file is damaged or not a TorchScript archive.
    """
    reader = torch._C.PyTorchFileReader(file)
    names = reader.get_all_records()
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError("two files in the archive have one name")
    records = {name: reader.get_record(name) for name in names if name not in NOT_COMPARED}
    sources = {
        match[1].replace("/", "."): records.pop(name).decode()
        for name in names
        if (match := CODE.fullmatch(name))
    }
    for source in sources:
        records.pop(f"code/{source.replace('.', '/')}.py{DEBUG}", None)
    classes = Classes(sources)
    content: Content = dict(records)
    for name in ("data.pkl", "constants.pkl"):
        content[name] = classes.in_pickle(records[name])
    content |= {f"code of {name}": text for name, text in classes.reachable().items()}
    content |= {f"unused code of {name}": text for name, text in classes.unused().items()}
    return content


def difference(actual: Content, expected: Content) -> str:
    """The name of the first part of a file that differs from the one expected; "" if none does.

    Code comes first: with other code, all other parts may differ too.
    """
    names = sorted({*actual, *expected}, key=lambda name: (" of " not in name, name))
    for name in names:
        if actual.get(name) != expected.get(name):
            return name.replace(NUMBER, " number ")
    return ""


class Classes:
    """The classes and functions in the code of a TorchScript file, numbered when referred to.

    Args:
        sources: the text of each source file by its module's name.
    """

    def __init__(self, sources: dict[str, str]):
        self.definitions: dict[str, str] = {}
        self.numbered: dict[str, str] = {}  # in the order of the numbers
        for module, source in sources.items():
            before, *parts = re.split(r"^(?=class |def )", source, flags=re.MULTILINE)
            if NUMBER in source or before.strip():
                raise ValueError(f"the code of {module} is not that of an exported module")
            for part in parts:
                match = DEFINITION.match(part)
                name = f"{module}.{match[1] if match else ''}"
                if not match or name in self.definitions:
                    raise ValueError(f"the code of {module} is not that of an exported module")
                # PyTorch takes the constants of a class from a set: their order varies.
                self.definitions[name] = CONSTANTS.sub(
                    lambda match: "".join(sorted(match[0].splitlines(keepends=True))), part
                ).rstrip()

    def in_pickle(self, content: bytes) -> list[tuple[str, object]]:
        """The instructions of a pickle, which is not loaded, with all classes numbered."""
        instructions = []
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in ("GLOBAL", "INST"):
                argument = self.number(argument.replace(" ", "."))
            instructions.append((opcode.name, repr(argument)))  # text and numbers differ
        return instructions

    def reachable(self) -> dict[str, str]:
        """The code of all classes and functions that are used, by numbered name."""
        found: dict[str, str] = {}
        while len(found) < len(self.numbered):
            name = [*self.numbered][len(found)]
            code = self.definitions[name]
            found[self.numbered[name]] = REFERENCE.sub(lambda match: self.number(match[0]), code)
        return found

    def unused(self) -> dict[str, str]:
        """The code that nothing refers to; call `reachable` first."""
        return {name: code for name, code in self.definitions.items() if name not in self.numbered}

    def number(self, reference: str) -> str:
        """A reference with the number of its class or function, if the code defines it."""
        name, rest = reference, ""
        while name and name not in self.definitions:
            name, _, last = name.rpartition(".")
            rest = f".{last}{rest}"
        if not name:
            return reference
        if name not in self.numbered:
            self.numbered[name] = f"{MANGLED.sub('', name)}{NUMBER}{len(self.numbered)}"
        return self.numbered[name] + rest
