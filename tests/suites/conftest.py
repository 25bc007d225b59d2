import pytest

from bench.registry import load_registry
from bench.suite import Vocabulary

FIRST_PARTY = "joulebench"


@pytest.fixture(scope="session")
def vocabulary():
    """What our own plugins offer, and no stranger's that happens to be installed."""
    registry = load_registry(strict=True)
    own = {name for name, facts in registry.plugins.items() if facts["distribution"] == FIRST_PARTY}
    return Vocabulary.of(each for each in registry.offers if each.plugin in own)
