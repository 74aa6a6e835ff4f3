"""Driver of LiveCodeBench: runs a program on every input and returns what it answered.

Expected outputs are not here: the host compares. As in the official runner, a stdin program becomes the body of
a function, after its imports and a header of star imports.
"""

import ast
import builtins
import io
import json
import sys
from functools import partial

HEADER = """
from string import *
from re import *
from datetime import *
from collections import *
from heapq import *
from bisect import *
from copy import *
from math import *
from random import *
from statistics import *
from itertools import *
from functools import *
from operator import *
from io import *
from sys import *
from json import *
from builtins import *
from typing import *
import string, re, datetime, collections, heapq, bisect, copy, math, random, statistics, itertools, functools
import operator, io, sys, json
sys.setrecursionlimit(50000)
"""

# The official guard leaves this one alone.
builtins.exit = sys.exit

# Longest output of one run.
MAX_OUTPUT = 1 << 25


class Stdin(io.StringIO):
    """Text, and the same as bytes."""

    def __init__(self, text):
        super().__init__(text)
        self.buffer = io.BytesIO(text.encode())


class Stdout(io.StringIO):
    def write(self, text):
        if self.tell() > MAX_OUTPUT:
            raise OSError("too much output")
        return super().write(text)


def is_main_guard(statement):
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"


def as_function(program):
    """The program's statements as the body of `wrapped`, its imports before it."""
    tree = ast.parse(program)
    body = tree.body
    if body and is_main_guard(body[-1]):
        body = body[:-1] + body[-1].body
    imports = [s for s in body if isinstance(s, (ast.Import, ast.ImportFrom))]
    rest = [s for s in body if not isinstance(s, (ast.Import, ast.ImportFrom))] or [ast.Pass()]
    [wrapped] = ast.parse("def wrapped(): pass").body
    wrapped.body = rest
    tree.body = imports + [wrapped]
    return compile(ast.fix_missing_locations(tree), "program", "exec")


def open_stdin(real_open, text, file, *rest, **options):
    """`open(0)` reads the input too."""
    if file in (0, "/dev/stdin"):
        return Stdin(text)
    return real_open(file, *rest, **options)


def run_stdin(names, text, box):
    kept = sys.stdin, sys.stdout, builtins.open
    sys.stdin, sys.stdout = Stdin(text), Stdout()
    names["open"] = partial(open_stdin, kept[2], text)
    try:
        names["wrapped"]()
    except SystemExit:
        pass
    finally:
        box.append(sys.stdout.getvalue())
        sys.stdin, sys.stdout, builtins.open = kept


def solution(names, box):
    box.append(names["Solution"]() if "Solution" in names else None)


def run_function(names, name, solution, arguments, box):
    function = getattr(solution, name) if solution is not None else names[name]
    box.append(encoded(function(*arguments)))


def encoded(value):
    """JSON of an answer; a tuple counts as a list at the top alone, and what JSON lacks equals nothing."""
    return json.dumps(plain(list(value) if isinstance(value, tuple) else value))


def plain(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else {"": repr(value)}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {k: plain(v) for k, v in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return plain(value.item())
    return {"": type(value).__name__}


def finish(box, reports):
    reports.append(json.dumps(box))


def steps(program, data):
    names = module()
    yield exec, HEADER, names
    box, reports = [], []
    if data["function"] is None:
        yield exec, as_function(program), names
        for text in data["inputs"]:
            yield run_stdin, names, text, box
    else:
        yield exec, compile(program, "program", "exec", 0, True), names
        made = []
        yield solution, names, made
        for text in data["inputs"]:
            arguments = [json.loads(line) for line in text.split("\n")]
            yield run_function, names, data["function"], made[0], arguments, box
    yield finish, box, reports
    return reports[-1]
