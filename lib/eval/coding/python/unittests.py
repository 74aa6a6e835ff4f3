"""Driver of BigCodeBench and Aider: unit tests, counted by a runner that the program did not get to change.

While a program runs, no frame of ours is above it: what it could reach there are unittest's own names, and those
are compared with what they were.
"""

import ast
import importlib.util
import io
import json
import os
import re
import unittest

# What a program could replace to make its tests pass: unittest's modules, and the classes in them.
MODULES = (unittest.case, unittest.loader, unittest.result, unittest.runner, unittest.suite)
CLASSES = {
    value for module in MODULES for value in vars(module).values()
    if isinstance(value, type) and value.__module__.startswith("unittest.")
}
KEPT = [(owner, dict(vars(owner))) for owner in (*MODULES, *CLASSES)]
Result = unittest.TextTestResult


def added(owner, kept):
    """Names that a class did not have; modules get some by themselves."""
    return set(vars(owner)) - set(kept) if owner in CLASSES else set()


def restore():
    for owner, kept in KEPT:
        for name in added(owner, kept):
            delattr(owner, name)
        for name, value in kept.items():
            if vars(owner).get(name) is not value:
                setattr(owner, name, value)


def untouched():
    return all(
        not added(owner, kept) and all(vars(owner).get(name) is value for name, value in kept.items())
        for owner, kept in KEPT
    )


def imported(test):
    """Modules that a test text imports: rows do not name all of them (208 of BigCodeBench's 1140)."""
    for node in ast.walk(ast.parse(test or "")):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def absent(name):
    try:
        return importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        return True


def passed(result):
    """Whether all tests passed; a program whose tests were all skipped has skipped them itself."""
    return (
        untouched()
        and type(result) is Result
        and not {"addFailure", "addError", "wasSuccessful"} & set(vars(result))
        and type(result.failures) is type(result.errors) is list
        and result.wasSuccessful()
        and result.testsRun > len(result.skipped)
    )


def report(results, stream, reports):
    # Times would make the next prompt, and with it the next answer, random.
    output = re.sub(r"\bin \d+\.\d+s\b", "", stream.getvalue())
    reports.append(json.dumps({"passed": passed(*results), "output": output[:20000]}))


def steps(program, data):
    needed = dict.fromkeys([*data["libraries"], *imported(data["test"])])
    missing = [name for name in needed if absent(name)]
    if missing:
        return json.dumps({"missing": missing})
    loader, stream = unittest.TestLoader(), io.StringIO()
    suites, results, reports = [], [], []
    if data["test"] is None:
        # Aider: `python -m unittest discover -p *_test.py`.
        yield suites.extend, map(loader.discover, ["."], ["*_test.py"])
    else:
        # BigCodeBench: the class TestCases of the program's own module.
        names = module("__test__")
        names["__file__"] = "__test__.py"
        yield exec, compile(program + "\n" + data["test"], "__test__.py", "exec", 0, True), names
        yield restore,
        yield suites.extend, map(loader.loadTestsFromTestCase, map(names.__getitem__, ["TestCases"]))
    yield results.extend, map(unittest.TextTestRunner(stream=stream).run, suites)
    yield report, results, stream, reports
    return reports[-1]
