"""Variants: mappings merge deep, lists replace, places point into the file where something stands."""

import pytest

from bench.errors import ConfigError
from bench.suite import load

BASE = """\
bench: 1
name: base
about: The base.
matrix:
  task: [toy, minilm]
  backend: torch
  recipe:
    - none
    - prune: {sparsity: 0.5}
measure: {idle: 1s, timeout: 2min}
limits: {size: 20 MB, latency_p90: 30 ms}
"""


def test_mappings_merge_and_lists_replace(write, vocabulary):
    base = write(BASE, "base.yaml")
    child = write(
        "extends: base.yaml\nname: child\nmatrix:\n  task: [toy]\nmeasure: {idle: 3s}\nlimits: {size: 2 MB}\n", "c.yaml"
    )
    suite = load(child, vocabulary=vocabulary, env={})
    assert (suite.name, suite.about, suite.source, suite.extends) == ("child", "The base.", child, (base,))
    assert [cell.task for cell in suite.cells()] == ["toy", "toy"]
    assert (suite.measure.idle_s, suite.measure.timeout_s) == (3.0, 120.0)
    assert dict(suite.limits) == {"size": 2e6, "latency_p90": 0.03}


def test_places_point_into_the_right_file(write, vocabulary):
    base = write(BASE, "base.yaml")
    child = write("extends: base.yaml\nname: child\nlimits: {size: 2 MB}\n", "c.yaml")
    suite = load(child, vocabulary=vocabulary, env={})
    assert suite.where("limits", "size") == (str(child), 3, 10)
    assert suite.where("limits", "latency_p90") == (str(base), 11, 23)
    assert suite.where("matrix", "recipe", 1, "prune", "sparsity") == (str(base), 9, 15)
    assert suite.where_recipe(suite.cells()[1]) == (str(base), 9, 7)


def test_a_mistake_in_the_parent_is_shown_in_the_parent(write, vocabulary):
    base = write(BASE.replace("sparsity: 0.5", "sparsity: 5"), "base.yaml")
    child = write("extends: base.yaml\nname: child\n", "c.yaml")
    with pytest.raises(ConfigError) as caught:
        load(child, vocabulary=vocabulary, env={})
    error = caught.value
    assert (error.file, error.line, error.column, error.text) == (str(base), 9, 25, "    - prune: {sparsity: 5}")


def test_a_missing_parent_is_shown_in_the_child(write):
    child = write("extends: bsae\nname: child\n", "c.yaml")
    base = write(BASE, "base.yaml")
    with pytest.raises(ConfigError, match="Did you mean 'base'") as caught:
        load(child, vocabulary=None, env={}, search=[base.parent])
    assert (caught.value.file, caught.value.line, caught.value.column) == (str(child), 1, 10)


def test_a_name_is_looked_for_in_the_folders_then_on_the_shelf(write, tmp_path):
    (tmp_path / "more").mkdir()
    write(BASE, "more/base.yml")
    child = write("extends: base\nname: child\n", "c.yaml")
    assert load(child, vocabulary=None, env={}, search=[tmp_path / "more"]).about == "The base."
    smoke = write("extends: smoke\nname: child\n", "d.yaml")
    assert load(smoke, vocabulary=None, env={}).extends[0].name == "smoke.yaml"


def test_one_s_own_file_may_extend_the_shelf_s_of_the_same_name(write, tmp_path):
    own = write("extends: smoke\nname: smoke\nabout: mine\n", "smoke.yaml")
    suite = load(own, vocabulary=None, env={}, search=[tmp_path])
    assert suite.about == "mine"
    assert suite.extends[0].parent != tmp_path


def test_the_parent_may_come_from_a_variable(write):
    write(BASE, "base.yaml")
    child = write("extends: '${PARENT}.yaml'\nname: child\n", "c.yaml")
    assert load(child, vocabulary=None, env={"PARENT": "base"}).about == "The base."
    with pytest.raises(ConfigError, match="the variable 'PARENT' is not set"):
        load(child, vocabulary=None, env={})


def test_an_overridden_value_needs_no_variable(write):
    write(BASE.replace("about: The base.", "about: ${NOWHERE}"), "base.yaml")
    child = write("extends: base.yaml\nname: child\nabout: mine\n", "c.yaml")
    assert load(child, vocabulary=None, env={}).about == "mine"


def test_circles_are_refused_at_the_link_that_closes_them(write):
    a = write("extends: b.yaml\nname: a\n", "a.yaml")
    b = write("\nextends: a.yaml\nname: b\n", "b.yaml")
    with pytest.raises(ConfigError, match=r"goes in a circle: a\.yaml -> b\.yaml -> a\.yaml") as caught:
        load(a, vocabulary=None, env={})
    assert (caught.value.file, caught.value.line, caught.value.column) == (str(b), 2, 10)


def test_long_chains_are_refused(write):
    for number in range(20):
        write(f"extends: s{number + 1}.yaml\n", f"s{number}.yaml")
    with pytest.raises(ConfigError, match="a chain of more than 10 suites"):
        load(write("extends: s0.yaml\n"), vocabulary=None, env={})


def test_the_digest_covers_every_file(write, vocabulary):
    child = write("extends: base.yaml\nname: child\n", "c.yaml")
    write(BASE, "base.yaml")
    first = load(child, vocabulary=vocabulary, env={}).digest
    assert first == load(child, vocabulary=vocabulary, env={}).digest
    write(BASE + "# a remark\n", "base.yaml")
    assert load(child, vocabulary=vocabulary, env={}).digest != first
    assert first.startswith("sha256:")
