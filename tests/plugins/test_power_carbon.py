"""codecarbon's tables, read without codecarbon: the same numbers as its own, a source and a year, no guesses."""

import json
import subprocess
import sys

import pytest
from bench_power import carbon
from bench_power.carbon import CarbonFactor, carbon_factor, design_power

import bench


def test_a_country_has_its_factor_source_and_year():
    factor = carbon_factor("fra")
    assert factor.place == "France"
    assert 10 < factor.g_per_kwh < 120
    assert factor.year >= 2021
    assert "Our World in Data" in factor.source and "codecarbon" in factor.source
    assert factor.facts()["class"] == "estimated"
    assert set(factor.facts()) == {"class", "g_per_kwh", "place", "gases", "source", "year"}


def test_kilograms_are_kilowatt_hours_times_the_factor():
    factor = CarbonFactor(500.0, "somewhere", "CO2eq", "a table", 2025)
    assert factor.kg(3.6e6) == pytest.approx(0.5)
    assert factor.kg(0.0) == 0.0


REGIONS = [("USA", "texas"), ("USA", "California"), ("SWE", "se3"), ("NOR", "NO4"), ("FIN", "FI"), ("CHN", "Beijing")]


@pytest.mark.parametrize(("country", "region"), [("FRA", None), ("POL", None), ("CHN", None), *REGIONS])
def test_codecarbon_itself_computes_the_same(country, region):
    from codecarbon.core.emissions import Emissions
    from codecarbon.core.units import Energy
    from codecarbon.external.geography import GeoMetadata
    from codecarbon.input import DataSource

    ours = carbon_factor(country, region)
    place = region.lower() if country == "USA" else region
    geo = GeoMetadata(country_iso_code=country, country_name=ours.place, region=place)
    theirs_kg = Emissions(DataSource()).get_private_infra_emissions(Energy.from_energy(kWh=1.0), geo)
    assert ours.kg(3.6e6) == pytest.approx(theirs_kg, rel=1e-5)


@pytest.mark.parametrize("region", ["texas", "TX", " Texas "])
def test_a_state_is_known_by_name_and_code(region):
    assert carbon_factor("USA", region).place == "Texas"


def test_chinas_provinces_count_carbon_dioxide_alone():
    assert carbon_factor("CHN", "Beijing").gases == "CO2"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("France",), "did you mean 'FRA'"),
        (("FR",), "'FR' is no country"),
        (("USA", "texs"), "did you mean 'texas'"),
        (("SWE", "NO1"), "known: SE1, SE2, SE3, SE4"),
        (("CHN", "beijin"), "did you mean 'beijing'"),
        (("FRA", "Paris"), "no regions of FRA"),
        (("<b>" * 100,), "is no country"),
    ],
)
def test_an_unknown_place_is_an_error_not_an_average(place, message):
    with pytest.raises(bench.BenchError) as caught:
        carbon_factor(*place)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("processor", "watts"),
    [
        ("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz", 95),
        ("AMD Ryzen 7 5800X 8-Core Processor", 105),
        ("AMD EPYC 7763 64-Core Processor", 280),
    ],
)
def test_a_processor_is_found_by_the_name_the_system_gives(processor, watts):
    found = design_power(processor)
    assert found.watts == watts
    assert "codecarbon" in found.source


@pytest.mark.parametrize("processor", ["", "AMD EPYC", "AMD EPYC 7763X", "x86_64", "Intel(R) Xeon(R) Processor"])
def test_a_near_name_is_another_processor(processor):
    assert design_power(processor) is None


def test_the_tables_are_read_without_codecarbon():
    code = (
        "import sys; from bench_power.carbon import carbon_factor, design_power; carbon_factor('FRA');"
        "design_power('x'); print([each for each in sys.modules if each.split('.')[0] in ('codecarbon', 'pandas')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == []


def test_without_the_tables_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr(carbon.util, "find_spec", lambda name: None)
    carbon._folder.cache_clear()
    carbon._table.cache_clear()
    with pytest.raises(bench.BenchError, match="pip install codecarbon"):
        carbon_factor("FRA")
    carbon._folder.cache_clear()


def test_a_table_of_another_shape_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(carbon, "_folder", lambda: tmp_path)
    carbon._table.cache_clear()
    with pytest.raises(bench.BenchError, match="no readable data/private_infra/global_energy_mix"):
        carbon_factor("FRA")


def test_the_hook_answers_a_report() -> None:
    import bench_power

    found = bench_power.bench_carbon_factor("FRA", None)
    assert {"g_per_kwh", "place", "gases", "source", "year"} <= set(found)
    assert found["place"] == "France"
    assert found["class"] == "estimated"
    with pytest.raises(bench.BenchError, match="FRX"):
        bench_power.bench_carbon_factor("FRX", None)
