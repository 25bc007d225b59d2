import pytest

from bench.cli.setup import vocabulary_of
from bench.plan import Catalogue
from bench.registry import load_registry

FIRST_PARTY = "joulebench"


@pytest.fixture(scope="session")
def vocabulary():
    """What our own plugins offer to suites, and no stranger's that happens to be installed."""
    registry = load_registry(strict=True)
    own = {name for name, facts in registry.plugins.items() if facts["distribution"] == FIRST_PARTY}
    return vocabulary_of(Catalogue.from_offers([each for each in registry.offers if each.plugin in own]))
