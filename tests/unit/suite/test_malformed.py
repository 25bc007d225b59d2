"""Every malformed suite is a ConfigError that names the place and the cure, and nothing else ever escapes."""

import pytest

from bench.errors import ConfigError
from bench.suite import SuiteError, load

HEAD = "bench: 1\nname: s\n"
MATRIX = "matrix: {task: toy, backend: torch}\n"
GOOD = HEAD + MATRIX


def matrix(line):
    return f"{HEAD}matrix:\n  task: toy\n  backend: torch\n  {line}\n"


def recipe(text):
    return matrix(f"recipe: [{text}]")


BOMB = "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" if n else "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for n in range(9)
)
DEEP_ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [[[[[*a{n - 1}]]]]]\n" for n in range(1, 6))

SHARES = ", ".join(f"0.{n:03}" for n in range(200))
EXPLOSION = f"""{HEAD}matrix:
  task: toy
  backend: torch
  recipe:
    - prune: {{sparsity: &l [{SHARES}], finetune: *l}}
    - prune: {{sparsity: *l, finetune: *l, structured: channels}}
"""

CASES = {
    # the file
    "empty": ("", 1, 1, "the file is empty"),
    "only a comment": ("# nothing\n", 2, 1, "the file is empty"),
    "only a separator": ("---\n", 2, 1, "the file is empty"),
    "NUL": (b"bench: 1\nname: \x00\n", 2, 7, "U+0000 cannot stand in YAML"),
    "not UTF-8": (b"bench: 1\nname: \xff\xfe\n", 2, 1, "not UTF-8"),
    "root is a list": ("- bench: 1\n", 1, 1, "a suite is a mapping"),
    "root is text": ("hello\n", 1, 1, "a suite is a mapping"),
    "root is null": ("~\n", 1, 1, "a suite is a mapping"),
    # YAML
    "tab": ("bench: 1\nmatrix:\n\ttask: toy\n", 3, 1, "a tab cannot indent YAML"),
    "unclosed list": (HEAD + "matrix: {task: [toy\n", 4, 1, "not YAML: expected ',' or ']'"),
    "unclosed quote": ("bench: 1\nname: 'x\n", 3, 1, "not YAML: found unexpected end of stream"),
    "colon in value": ("bench: 1\nname: a: b\n", 2, 8, "mapping values are not allowed here"),
    "bad escape": ('bench: 1\nname: "\\UFFFFFFFF"\n', 1, 1, "not YAML: OverflowError"),
    "surrogate escape": ('bench: 1\nname: "\\uD800"\n' + MATRIX, 2, 7, "character that cannot be printed"),
    "NUL escape": ('bench: 1\nname: s\nabout: "\\0"\n' + MATRIX, 3, 8, "character that cannot be printed"),
    "two documents": (GOOD + "---\nbench: 1\n", 4, 1, "a second document begins"),
    "duplicate key": ("bench: 1\nname: a\nname: b\n", 3, 1, "the key 'name' stands twice, first on line 2"),
    "duplicate nested key": (
        HEAD + "matrix:\n  task: toy\n  'task': x\n",
        5,
        3,
        "'task' stands twice, first on line 4",
    ),
    "merge key": (HEAD + "x: &x {a: 1}\nmatrix:\n  <<: *x\n", 5, 3, "merge keys ('<<') are not part of YAML 1.2"),
    "python tag": ("bench: !!python/object:os.system 1\n", 1, 8, "tags such as"),
    "core tag": ("bench: !!int 1\n", 1, 8, "tags such as"),
    "directive": ("%YAML 1.1\n---\nbench: 1\n", 1, 1, "directives are not used"),
    "number as key": (HEAD + "1: x\n", 3, 1, "the key '1' is not text"),
    "null as key": (HEAD + "~: x\n", 3, 1, "the key '~' is not text"),
    "boolean as key": (HEAD + "true: x\n", 3, 1, "the key 'true' is not text"),
    "infinity as key": (HEAD + ".inf: x\n", 3, 1, "the key '.inf' is not text"),
    "list as key": (HEAD + "? [a, b]\n: x\n", 3, 3, "a key is plain text"),
    "unprintable key": (HEAD + '"\\a": x\n', 3, 1, "the key holds a character that cannot be printed"),
    "unknown alias": (HEAD + "about: *nowhere\n", 3, 8, "no anchor '&nowhere'"),
    "alias to itself": (HEAD + "x: &a [*a]\n", 3, 8, "the alias '*a' holds itself"),
    "alias bomb": (BOMB, 5, 35, "more than 50,000 values"),
    "deep flow": ("a: " + "[" * 5000, 1, 28, "nested deeper than 24 levels"),
    "deep block": ("".join(" " * n + "a:\n" for n in range(200)), 25, 25, "nested deeper than 24 levels"),
    "deep aliases": (DEEP_ALIASES, 6, 14, "nested deeper than 24 levels, aliases expanded"),
    "too many values": ("x: [" + "1,\n" * 60_000 + "]\n", 49_998, 1, "more than 50,000 values"),
    "a line without end": (HEAD + "about: " + "x" * 100_000, 3, 100_001, "longer than 100,000 characters"),
    # variables
    "unset variable": (HEAD + "about: ${NOWHERE}\n" + MATRIX, 3, 8, "the variable 'NOWHERE' is not set"),
    "near variable": (HEAD + "about: ${HOEM}\n" + MATRIX, 3, 8, "Did you mean 'HOME'?"),
    "unclosed variable": (HEAD + "about: '${HOME'\n" + MATRIX, 3, 8, "write ${NAME} or ${NAME:-default}"),
    "no variable": (HEAD + "about: ${1 + 1}\n" + MATRIX, 3, 8, "'${1 + 1}' is no variable"),
    "variable in key": (HEAD + "matrix:\n  '${HOME}': x\n", 4, 3, "variables stand in values only"),
    "infinite": (HEAD + "about: .inf\n" + MATRIX, 3, 8, "'.inf' is not a finite number"),
    "overflowing": (HEAD + "about: 1e999\n" + MATRIX, 3, 8, "'1e999' is not a finite number"),
    # structure
    "no version": ("name: s\n" + MATRIX, 1, 1, "'bench' is missing: the format version is 1"),
    "other version": ("bench: 2\nname: s\n" + MATRIX, 1, 8, "the format version is 1: write 'bench: 1'"),
    "version as text": ("bench: '1'\nname: s\n" + MATRIX, 1, 8, "write 'bench: 1'"),
    "long about": (HEAD + f"about: {'x' * 3000}\n" + MATRIX, 3, 8, "at most 2,000 characters"),
    "no name": ("bench: 1\n" + MATRIX, 1, 1, "'name' is missing"),
    "name is no slug": ("bench: 1\nname: My Suite\n" + MATRIX, 2, 7, "a name is a slug"),
    "name climbs": ("bench: 1\nname: ../x\n" + MATRIX, 2, 7, "a name is a slug"),
    "name ends a line": ('bench: 1\nname: "s\\n"\n' + MATRIX, 2, 7, "a name is a slug"),
    "no matrix": (HEAD, 1, 1, "'matrix' is missing"),
    "matrix is a list": (HEAD + "matrix: [toy]\n", 3, 9, "expected a mapping of axes"),
    "no task": (HEAD + "matrix: {backend: torch}\n", 3, 1, "'matrix.task' is missing: name at least one task"),
    "no backend": (HEAD + "matrix: {task: toy}\n", 3, 1, "'matrix.backend' is missing"),
    "unknown key": (GOOD + "mesure: {}\n", 4, 1, "unknown key 'mesure'. Did you mean 'measure'?"),
    "unknown axis": (matrix("recipes: [none]"), 6, 3, "unknown key 'recipes'. Did you mean 'recipe'?"),
    "empty axis": (matrix("device: []"), 6, 11, "the list 'device' is empty"),
    "missing axis value": (matrix("device:"), 6, 3, "nothing stands here: expected a value of 'device'"),
    # axes
    "unknown task": (
        HEAD + "matrix: {task: [minlm], backend: torch}\n",
        3,
        17,
        "unknown task 'minlm'. Did you mean 'minilm'?",
    ),
    "task is a mapping": (HEAD + "matrix: {task: [{toy: 1}], backend: torch}\n", 3, 17, "a task is a name"),
    "task is null": (HEAD + "matrix: {task: [~], backend: torch}\n", 3, 17, "a task is a name"),
    "unknown backend": (
        HEAD + "matrix: {task: toy, backend: [torhc]}\n",
        3,
        31,
        "unknown backend 'torhc'. Did you mean 'torch'?",
    ),
    "no such option of a backend": (
        HEAD + "matrix: {task: toy, backend: [torch: {comple: true}]}\n",
        3,
        39,
        "Did you mean 'compile'?",
    ),
    "options where there are none": (
        HEAD + "matrix: {task: toy, backend: {onnxruntime: {threads: 1}}}\n",
        3,
        45,
        "'onnxruntime' has no options",
    ),
    "backend is none": (HEAD + "matrix: {task: toy, backend: none}\n", 3, 30, "'none' is no name of a backend"),
    "backend is a list": (HEAD + "matrix: {task: toy, backend: [[torch]]}\n", 3, 31, "a backend is a name"),
    "device": (matrix("device: [cpu, 'CUDA 0']"), 6, 17, "'CUDA 0' is no device"),
    "server without a bound": (matrix("scenario: server"), 6, 13, "needs a bound or a rate"),
    "options of a scenario": (matrix("scenario: {offline: 3}"), 6, 23, "are a mapping"),
    "unknown option of a scenario": (matrix("scenario: {server: {p9: 1 s}}"), 6, 23, "Did you mean 'p99'?"),
    "option of single-stream": (matrix("scenario: {single-stream: {p99: 1 s}}"), 6, 30, "takes no options"),
    "bound of a scenario": (matrix("scenario: {server: {p99: 50}}"), 6, 28, "a time like"),
    "rate of a scenario": (matrix("scenario: {server: {rate: 0}}"), 6, 29, "queries a second"),
    "samples of a scenario": (matrix("scenario: {multi-stream: {samples: 0}}"), 6, 38, "whole number from 1"),
    "confidence of a scenario": (matrix("scenario: {multi-stream: {confidence: 1}}"), 6, 41, "a fraction like"),
    "two scenarios in one": (matrix("scenario: {server: {p99: 1 s}, offline: }"), 6, 13, "a name, or a name with"),
    "unknown scenario": (matrix("scenario: singlestream"), 6, 13, "Did you mean 'single-stream'?"),
    "batch of zero": (matrix("batch: [1, 0]"), 6, 14, "'batch' expects a whole number from 1 to 65,536, not '0'"),
    "batch as text": (matrix("batch: ['1']"), 6, 11, "'batch' expects a whole number"),
    "batch as boolean": (matrix("batch: true"), 6, 10, "'batch' expects a whole number"),
    "half a thread": (matrix("threads: 1.5"), 6, 12, "'threads' expects a whole number"),
    "huge batch": (matrix("batch: " + "9" * 390), 6, 10, "'batch' expects a whole number"),
    # recipes
    "unknown compressor": (recipe("none, quantise"), 6, 18, "unknown compressor 'quantise'. Did you mean 'quantize'?"),
    "unknown option": (
        recipe("prune: {sparsty: 0.5}"),
        6,
        20,
        "unknown option 'sparsty' of 'prune'. Did you mean 'sparsity'?",
    ),
    "unknown option in a fan": (recipe("prune: {sparsty: [0.5, 0.6]}"), 6, 20, "unknown option 'sparsty'"),
    "value out of bounds": (recipe("prune: {sparsity: 1}"), 6, 30, "'sparsity' must be less than 1, not 1"),
    "value in a fan": (recipe("prune: {sparsity: [0.5, -0.1]}"), 6, 36, "'sparsity' must be at least 0, not -0.1"),
    "wrong choice": (recipe("quantize: {mode: sttic}"), 6, 29, "'mode' cannot be 'sttic'. Did you mean 'static'?"),
    "choice is a boolean": (recipe("quantize: {bits: true}"), 6, 29, "'bits' cannot be true"),
    "text for a number": (recipe("prune: {sparsity: half}"), 6, 30, "'sparsity' expects a number, not 'half'"),
    "fraction for an int": (recipe("quantize: {calibrate: 1.5}"), 6, 34, "'calibrate' expects a whole number, not 1.5"),
    "number for a boolean": (recipe("quantize: {per_channel: 1}"), 6, 36, "'per_channel' expects true or false, not 1"),
    "number for text": (recipe("distill: {student: 5}"), 6, 31, "put it in quotes: '5'"),
    "mapping for a number": (recipe("prune: {sparsity: {a: 1}}"), 6, 30, "'sparsity' expects a number, not a mapping"),
    "null": (recipe("quantize: {mode: ~}"), 6, 29, "'mode' cannot be null"),
    "list not nested": (recipe("prune: {layers: [conv1, conv2]}"), 6, 28, "nest it, like [[a, b]]"),
    "empty fan": (recipe("prune: {sparsity: []}"), 6, 30, "an empty list leaves nothing to measure"),
    "missing option": (recipe("distill"), 6, 12, "'distill' needs the option 'student'"),
    "missing option of a mapping": (recipe("distill: {}"), 6, 12, "'distill' needs the option 'student'"),
    "options are no mapping": (recipe("prune: 0.5"), 6, 19, "the options of 'prune' are a mapping"),
    "two steps in one mapping": (recipe("{prune: {}, quantize: {}}"), 6, 12, "several steps are a list"),
    "null step": (recipe("~"), 6, 12, "the baseline is written 'none'"),
    "number as step": (recipe("8"), 6, 12, "a step is a name"),
    "empty pipeline": (recipe("[]"), 6, 12, "an empty pipeline is written 'none'"),
    "none in a pipeline": (recipe("[none, prune]"), 6, 13, "'none' is no step of a pipeline"),
    "list in a pipeline": (recipe("[prune, [quantize]]"), 6, 20, "a pipeline holds steps, not lists"),
    "long pipeline": (recipe(f"[{', '.join(['prune'] * 17)}]"), 6, 12, "a pipeline has at most 16 steps"),
    "strange name": (recipe("'a b'"), 6, 12, "'a b' is no name of a compressor"),
    "strange option": (recipe("prune: {'a b': 1}"), 6, 20, "'a b' is no name of an option"),
    "explosion": (
        recipe("prune: {sparsity: &l [" + ", ".join(["0.5"] * 300) + "], finetune: *l}"),
        6,
        12,
        "fans out to 90,000",
    ),
    "explosion of many": (
        EXPLOSION,
        6,
        3,
        "'recipe' fans out to more than 50,000",
    ),
    # exclude and include
    "exclude is a mapping": (matrix("exclude: {task: toy}"), 6, 12, "expected a list of mappings"),
    "exclude holds text": (matrix("exclude: [toy]"), 6, 13, "expected a list of mappings"),
    "exclude names nothing": (matrix("exclude: [{}]"), 6, 13, "names no axis"),
    "exclude misspelt": (matrix("exclude: [{tusk: toy}]"), 6, 14, "unknown axis 'tusk'. Did you mean 'task'?"),
    "exclude unknown task": (matrix("exclude: [{task: minlm}]"), 6, 20, "unknown task 'minlm'"),
    "exclude unknown option": (matrix("exclude: [{recipe: {prune: {spars: 1}}}]"), 6, 31, "unknown option 'spars'"),
    "include unknown backend": (matrix("include: [{backend: openvino}]"), 6, 23, "unknown backend 'openvino'"),
    "include without options": (matrix("include: [{recipe: distill}]"), 6, 22, "needs the option 'student'"),
    "everything excluded": (matrix("exclude: [{task: toy}]"), 6, 3, "excludes every cell"),
    # measure
    "measure is text": (GOOD + "measure: 5s\n", 4, 10, "expected a mapping"),
    "unknown measure": (GOOD + "measure: {idel: 5s}\n", 4, 11, "unknown key 'idel'. Did you mean 'idle'?"),
    "time without a unit": (GOOD + "measure: {idle: 5}\n", 4, 17, "the unit is missing: expected a time like '30 ms'"),
    "time in bytes": (GOOD + "measure: {idle: 5 MB}\n", 4, 17, "'MB' is not a unit of time"),
    "negative time": (GOOD + "measure: {idle: -5s}\n", 4, 17, "a time lies between 0 s and one week"),
    "endless": (GOOD + "measure: {timeout: 1000h}\n", 4, 20, "a time lies between 0 s and one week"),
    "repeat grammar": (GOOD + "measure: {repeat: until ci < 2%}\n", 4, 19, "expected 'until ci < 2% or 25s'"),
    "repeat blanks": (
        GOOD + f"measure: {{repeat: 'until ci < {' ' * 9000}'}}\n",
        4,
        19,
        "expected 'until ci < 2% or 25s'",
    ),
    "repeat unit": (GOOD + "measure: {repeat: until ci < 2 or 25s}\n", 4, 19, "the unit is missing"),
    "repeat width": (GOOD + "measure: {repeat: until ci < 200% or 25s}\n", 4, 19, "between 0% and 100%"),
    "repeat nothing": (GOOD + "measure: {repeat: 0s}\n", 4, 19, "longer than 0 s"),
    "repeat null": (GOOD + "measure: {repeat: }\n", 4, 11, "expected one quantity"),
    "short timeout": (GOOD + "measure: {repeat: 25s, timeout: 10s}\n", 4, 24, "the timeout is shorter"),
    "launches": (GOOD + "measure: {min_launches: 0}\n", 4, 25, "expected a whole number from 1 to 1000"),
    "rounds": (GOOD + "measure: {rounds: many}\n", 4, 19, "expected a whole number from 1 to 1000"),
    "no memory": (GOOD + "measure: {memory: 8 kB}\n", 4, 19, "a worker needs more than 1 MB"),
    "energy": (GOOD + "measure: {energy: mesured}\n", 4, 19, "Did you mean 'measured'?"),
    # limits
    "limits are a list": (GOOD + "limits: [size]\n", 4, 9, "expected a mapping of limits"),
    "unknown limit": (
        GOOD + "limits: {latency_p95: 3 ms}\n",
        4,
        10,
        "unknown limit 'latency_p95'. Did you mean 'latency_p9",
    ),
    "limit in another unit": (GOOD + "limits: {size: 3 ms}\n", 4, 16, "'ms' is not a unit of bytes"),
    "limit without a unit": (GOOD + "limits: {size: 3}\n", 4, 16, "the unit is missing: expected a size like '20 MB'"),
    "limit nothing keeps": (GOOD + "limits: {size: 0 B}\n", 4, 16, "nothing can keep 'size' at 0 B"),
    "limit is a list": (GOOD + "limits: {size: [1 MB]}\n", 4, 16, "expected one limit"),
    "drop in bytes": (GOOD + "limits: {quality_drop: 1 MB}\n", 4, 24, "'MB' is not a unit of fraction"),
    # extends
    "extends nothing": (GOOD + "extends: ''\n", 4, 10, "'extends' is the path or the name of one suite"),
    "extends a list": (GOOD + "extends: [a]\n", 4, 10, "expected one value"),
    "extends unknown": (GOOD + "extends: moblie\n", 4, 10, "no such suite. Did you mean 'mobile'?"),
    "extends itself": (GOOD + "extends: s.yaml\n", 4, 10, "'extends' goes in a circle: s.yaml -> s.yaml"),
    "extends NUL": (GOOD + 'extends: "a\\0b"\n', 4, 10, "cannot be printed"),
    "extends a long name": (GOOD + f"extends: {'x' * 5000}\n", 4, 10, "no such suite"),
}


@pytest.mark.parametrize(("text", "line", "column", "message"), CASES.values(), ids=CASES)
def test_points_at_the_mistake(read, text, line, column, message):
    with pytest.raises(ConfigError) as caught:
        read(text, env={"HOME": "/root"})
    error = caught.value
    assert not isinstance(error, SuiteError), [str(each) for each in error.errors]
    assert message in error.message
    assert (error.line, error.column) == (line, column)
    assert error.file.endswith("s.yaml")


def test_shows_the_line_and_a_caret(read):
    with pytest.raises(ConfigError) as caught:
        read(recipe("prune: {sparsity: 1.5}"))
    shown = str(caught.value).splitlines()
    assert shown[0].endswith("s.yaml:6:30: 'sparsity' must be less than 1, not 1.5")
    assert shown[1] == "  6 |   recipe: [prune: {sparsity: 1.5}]"
    assert shown[1][shown[2].index("^") :].startswith("1.5")


def test_reports_every_mistake_in_order(read):
    text = f"{HEAD}matrix:\n  task: [tyo]\n  backend: torhc\n  batch: 0\n"
    with pytest.raises(SuiteError) as caught:
        read(text)
    assert [(each.line, each.column) for each in caught.value.errors] == [(4, 10), (5, 12), (6, 10)]
    assert caught.value.line == 4
    assert str(caught.value).count("^") == 3


@pytest.mark.parametrize("make", ["folder", "missing", "huge", "pipe", "nul", "long"])
def test_what_is_no_plain_file(tmp_path, make):
    import os

    path = {"nul": tmp_path / "a\0b", "long": tmp_path / ("x" * 3000)}.get(make, tmp_path / "s.yaml")
    if make == "folder":
        path.mkdir()
    if make == "huge":
        path.write_text("# " + "x" * 1_000_000)
    if make == "pipe":
        os.mkfifo(path)
    messages = {"folder": "is a folder", "huge": "larger than 1,000,000 bytes", "pipe": "is a device or pipe"}
    with pytest.raises(ConfigError) as caught:
        load(path, vocabulary=None, env={})
    assert messages.get(make, "no such suite") in caught.value.message


def test_unknown_name_suggests_a_shipped_suite():
    from pathlib import Path

    with pytest.raises(ConfigError, match="Did you mean 'mobile'"):
        load(Path("moblie"), vocabulary=None, env={})
