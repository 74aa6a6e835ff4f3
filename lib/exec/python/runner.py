"""Runs one job in CPython or Pyodide and tells the host when its last step has ended.

No frame holds the secret when the program has begun: what says it is made of built-in iterators, so that walking
frames does not reach it, not even from a destructor or a hook of the program that runs while we do. `steps` and
drivers never touch the program's objects themselves (an `__eq__` would see their frames); they yield calls that
the loop at the end makes.
"""

import builtins
import functools
import gc
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import types

# Ours alone: a program that replaces a built-in function does not replace what checks it.
__builtins__ = dict(vars(builtins))

# What the official harnesses set to None, so that verdicts equal theirs.
GUARDED = {
    os: (
        "kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate "
        "replace unlink fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir _exit abort "
        "execv execve execl execle execlp execvp execvpe spawnv spawnve posix_spawn popen"
    ),
    shutil: "rmtree move chown",
    subprocess: "Popen",
    builtins: "exit quit help",
}
GUARDED_MODULES = "ipdb joblib resource psutil tkinter ctypes _ctypes"

# Ways to find the generator's locals.
INTROSPECTION = {
    gc: "get_objects get_referrers get_referents",
    sys: "_current_frames _current_exceptions",
}


class Sink(io.TextIOBase):
    """Swallows output."""

    def write(self, text):
        return len(text)


class Pipe:
    """CPython's channel: the request on stdin, marks on a copy of stdout that the program cannot see."""

    def __init__(self):
        with os.fdopen(os.dup(0), "rb") as stream:
            self.receive = iter([stream.read().decode()]).__next__
        # A C function: nothing that a program replaces is called when it is told.
        self.tell = functools.partial(os.write, os.dup(1))
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)


def take_away(names):
    for module, words in names.items():
        for name in words.split():
            if hasattr(module, name):
                setattr(module, name, None)


def prepare(request):
    """Writes the job's files and takes away what the job may not have."""
    for path, text in request["files"].items():
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    sys.path.insert(0, os.getcwd())
    sys.argv[:] = [request["entry"]]
    sys.stdin = io.StringIO(request["stdin"])
    sys.stdout = sys.stderr = Sink()
    # They could jump over a check; doctest must be able to call them.
    sys.settrace = sys.setprofile = id
    if request["guard"]:
        # Who reads gets an error, no end of file.
        sys.stdin = io.TextIOBase()
        take_away(GUARDED)
        for name in GUARDED_MODULES.split():
            sys.modules[name] = None
    take_away(INTROSPECTION)


def module(name="program"):
    """A module for a program to live in: its names are found by dataclasses, pickle and typing."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    names = vars(made)
    names["__builtins__"] = builtins
    return names


def asserts(request, results):
    """The usual job: the program, then its check, in the same names. Nothing of ours is looked up in between."""
    names = module()
    program = compile(request["files"][request["entry"]], "program", "exec", 0, True)
    check = compile(request["check"], "check", "exec", 0, True)
    results.append(b"null")
    return (
        (exec, program, names),
        (names.__setitem__, "__builtins__", dict(__builtins__)),
        (exec, check, names),
    )


def driven(request, results):
    names = {"module": module, "__builtins__": __builtins__}
    exec(compile(request["check"], "driver", "exec", 0, True), names)
    result = yield from names["steps"](request["files"].get(request["entry"]), request["data"])
    results.append(b"null" if result is None else result.encode())


# Pyodide puts its channel here; it is taken out before the program runs.
CHANNELS = []


def steps(tell, request, results):
    """Calls to make, one after another."""
    prepare(request)
    for step in (driven if request["driver"] else asserts)(request, results):
        yield tell, b"."
        yield step


def calls(channel):
    """The steps, then one that tells the host that all were made."""
    request = json.loads(channel.receive())
    results = []
    end = b"\n%b %%b\n" % request.pop("secret").encode()
    return itertools.chain(
        steps(channel.tell, request, results), zip([channel.tell], map(end.__mod__, results))
    )


def run():
    for call, *arguments in calls(CHANNELS.pop() if CHANNELS else Pipe()):
        call(*arguments)


def outcome():
    """None when the run came to its end, else what stopped it."""
    try:
        run()
    except BaseException as error:
        return describe(error)


def describe(error):
    """Text, whatever the program's `__str__` and `__radd__` make of it."""
    try:
        return f"{type(error).__name__}: {error}"[:1000]
    except BaseException:
        return "Error"


if __name__ == "__main__":
    leave = os._exit
    stopped = outcome()
    if stopped:
        os.write(2, stopped.encode("utf-8", "replace"))
    leave(1 if stopped else 0)
