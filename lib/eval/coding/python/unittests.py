"""Driver of BigCodeBench and Aider: unit tests, counted by a runner that the program did not get to change."""

import importlib.util
import io
import json
import os
import re
import unittest

# What a program could replace to make its tests pass.
CLASSES = (unittest.TestCase, unittest.TestResult, unittest.TestSuite, unittest.TestLoader, unittest.TextTestRunner)
KEPT = [(cls, dict(vars(cls))) for cls in CLASSES]


def restore():
    for cls, kept in KEPT:
        for name in set(vars(cls)) - set(kept):
            delattr(cls, name)
        for name, value in kept.items():
            if vars(cls)[name] is not value:
                setattr(cls, name, value)


def untouched():
    return all(vars(cls).get(name) is value for cls, kept in KEPT for name, value in kept.items())


def absent(name):
    try:
        return importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        return True


def run_suite(suite, box):
    stream = io.StringIO()
    result = unittest.TextTestRunner(stream=stream).run(suite)
    passed = result.wasSuccessful() and result.testsRun > 0 and untouched()
    if {"addFailure", "addError", "wasSuccessful"} & set(vars(result)):
        passed = False
    box.append((bool(passed), stream.getvalue()))


def run_module(names, box):
    """BigCodeBench: the class TestCases of the program's own module."""
    run_suite(unittest.defaultTestLoader.loadTestsFromTestCase(names["TestCases"]), box)


def discover(box):
    """Aider: `python -m unittest discover -p *_test.py`."""
    run_suite(unittest.defaultTestLoader.discover(".", "*_test.py"), box)


def report(box, reports):
    passed, output = box[-1]
    # Times would make the next prompt, and with it the next answer, random.
    output = re.sub(r"\bin \d+\.\d+s\b", "", output)
    reports.append(json.dumps({"passed": passed, "output": output[:20000]}))


def steps(program, data):
    missing = [name for name in data["libraries"] if absent(name)]
    if missing:
        return json.dumps({"missing": missing})
    box, reports = [], []
    if data["test"] is None:
        yield discover, box
    else:
        names = module("__test__")
        names["__file__"] = "__test__.py"
        yield exec, compile(program + "\n" + data["test"], "__test__.py", "exec", 0, True), names
        yield restore,
        yield run_module, names, box
    yield report, box, reports
    return reports[-1]
