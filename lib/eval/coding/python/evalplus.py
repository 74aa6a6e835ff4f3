"""Driver of HumanEval+ and MBPP+: the program against the reference solution on every input (EvalPlus)."""

import copy
import math

# Inputs were written as JSON: which lists are tuples again, by task number of MBPP.
EACH_ARGUMENT = {
    2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809,
}
EACH_ELEMENT = {63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780}
ELEMENTS_OF_FIRST = {75, 413, 444, 753}
SECOND = {106, 750}
FIRST = {250, 307, 405, 446, 617, 720, 763, 808}
ARGUMENTS_AND_ELEMENTS = {259, 401, 445}
EVERYTHING = {580, 615, 791}

AS_SETS = {
    "similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum",
    "intersection_array", "find_dissimilar", "Diff",
}
NOT_NONE = {"check_str", "text_match_three", "text_starta_endb"}


def deep_tuple(value):
    return tuple(map(deep_tuple, value)) if isinstance(value, list) else value


def restored(task, arguments):
    """One argument list with the types that JSON lost."""
    if task in EACH_ARGUMENT:
        return [tuple(a) for a in arguments]
    if task in EACH_ELEMENT:
        return [[tuple(e) for e in a] for a in arguments]
    if task in ELEMENTS_OF_FIRST:
        return [[tuple(e) for e in arguments[0]], *arguments[1:]]
    if task in SECOND:
        return [arguments[0], tuple(arguments[1])]
    if task in FIRST:
        return [tuple(arguments[0]), *arguments[1:]]
    if task in ARGUMENTS_AND_ELEMENTS:
        return [tuple(tuple(e) for e in a) for a in arguments]
    if task in EVERYTHING:
        return list(map(deep_tuple, arguments))
    if task == 115:
        return [[set(e) if isinstance(e, list) and e else {} for e in arguments[0]]]
    if task == 124:
        return [float(arguments[0]), complex(arguments[1])]
    if task == 252:
        return [complex(arguments[0])]
    if task == 278:
        return [tuple(tuple(e) if isinstance(e, list) else e for e in arguments[0])]
    if task == 722:
        return [{k: tuple(v) for k, v in arguments[0].items()}, *arguments[1:]]
    return arguments


def are_floats(value):
    return isinstance(value, float) or (
        isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(v, float) for v in value)
    )


def close(found, wanted, atol):
    """|found - wanted| <= atol + 1e-7 |wanted|, element by element; only infinity is close to infinity."""
    if isinstance(wanted, (list, tuple)):
        return len(found) == len(wanted) and all(close(f, w, atol) for f, w in zip(found, wanted))
    if wanted != wanted:
        return found != found
    return found == wanted or abs(found - wanted) <= atol + 1e-7 * abs(wanted) < math.inf


def square_pyramid(base, height):
    """Surface of a square pyramid: the reference of `surface_Area` rounds."""
    return round(base * base + 2 * base * math.sqrt((base / 2) ** 2 + height * height))


def digit_distance(first, second):
    width = max(len(str(first)), len(str(second)))
    pairs = zip(str(first).zfill(width), str(second).zfill(width))
    return sum(abs(int(a) - int(b)) for a, b in pairs)


def same(entry, found, wanted, arguments):
    """Equality, or what stands in its place for some tasks."""
    if entry == "are_equivalent":
        return True
    if entry == "sum_div":
        return found == wanted or found == 0
    if entry == "digit_distance_nums":
        return found == wanted or found == digit_distance(*arguments)
    if entry in AS_SETS:
        return set(found) == set(wanted)
    if entry in NOT_NONE:
        # The references return match objects: a bool may say the same.
        return (found if isinstance(found, bool) else found is not None) == (wanted is not None)
    return found == wanted


def residual(coefficients, x):
    return abs(sum(c * math.pow(x, i) for i, c in enumerate(coefficients)))


def compare(entry, box, wanted, arguments, atol):
    found = box.pop()
    if entry == "find_zero":
        # In the embedded interpreter the reference misses the zeros of some inputs, by other last digits of pow.
        assert residual(arguments[0], found) <= atol or residual(arguments[0], wanted) > atol
        return
    if same(entry, found, wanted, arguments):
        return
    if entry == "surface_Area" and abs(found - square_pyramid(*arguments)) <= atol:
        return
    if not atol and are_floats(wanted):
        atol = 1e-6
    assert atol and type(found) is type(wanted) and close(found, wanted, atol)


def call(names, entry, arguments, box):
    box.append(names[entry](*arguments))


def steps(program, data):
    entry = data["entry_point"]
    task = int(data["task_id"].split("/")[1]) if data["task_id"].startswith("Mbpp/") else 0
    inputs = [restored(task, arguments) for arguments in data["inputs"]]
    reference = module("reference")
    exec(compile(data["reference"], "reference", "exec"), reference)
    wanted = []
    for arguments in inputs:
        wanted.append(reference[entry](*copy.deepcopy(arguments)))
        # Shows that we are at work: the limit is for a step.
        yield int,
    names = module()
    yield exec, compile(program, "program", "exec"), names
    for arguments, value in zip(inputs, wanted):
        box = []
        yield call, names, entry, copy.deepcopy(arguments), box
        yield compare, entry, box, value, arguments, data["atol"]
