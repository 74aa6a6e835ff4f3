"""What Pyodide gets before its memory is saved: modules that programs use, and no way to JavaScript."""

import array, ast, asyncio, base64, bisect, calendar, cmath, collections, contextlib, copy, csv, ctypes
import dataclasses, datetime, decimal, enum, fractions, functools, gc, hashlib, heapq, inspect, io, itertools, json, math
import numbers, operator, os, pprint, random, re, shutil, statistics, string, struct, subprocess, sys, textwrap
import threading, time, traceback, types, typing, unittest, unittest.mock, warnings, zlib


class Clock:
    """Stands in for a selector: there are no files to wait for, only time."""

    def select(self, timeout=None):
        if timeout:
            time.sleep(timeout)
        return []


class Loop(asyncio.BaseEventLoop):
    """A plain event loop: asyncio.run works, and no callback outlives its program."""

    def __init__(self):
        super().__init__()
        self._selector = Clock()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


class Policy(asyncio.events._BaseDefaultEventLoopPolicy):
    """Hands out such loops."""

    _loop_factory = Loop


def no_javascript():
    """Takes away Python's side of the bridge to JavaScript, and what it put in the standard library."""
    asyncio.run = inspect.unwrap(asyncio.run)
    time.sleep = inspect.unwrap(time.sleep)
    for name in list(sys.modules):
        if name.split(".")[0] in ("js", "pyodide", "pyodide_js", "_pyodide", "_pyodide_core", "pyodide_http"):
            sys.modules[name] = None
    sys.meta_path[:] = [finder for finder in sys.meta_path if "JsFinder" not in type(finder).__name__]
    asyncio._set_running_loop(None)
    asyncio.events._event_loop_policy = Policy()
    os.chdir("/tmp")


class Bridge:
    """Pyodide's channel: two functions of the worker."""

    def __init__(self, receive, tell):
        self.receive = receive
        self.js_tell = tell
        # Never freed: the interpreter's memory is put back, JavaScript's references would not be.
        for function in (receive, tell):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(function))

    def tell(self, text):
        self.js_tell(text.decode())
