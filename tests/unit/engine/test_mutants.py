"""An outcome with one share, one cent or one day wrong is never let through; the same outcome put right always is."""

import pytest

from tests.unit.engine.mutants import Mutant, verdict_on
from tests.unit.engine.mutants_limits import CASH, CLASSES, HOUSEHOLDS, LIMITS, RANGES, TAXES, TRACKING
from tests.unit.engine.mutants_rules import CLIENT, LAW, WASH

MUTANTS = (*LAW, *CLIENT, *WASH, *CASH, *CLASSES, *RANGES, *TAXES, *TRACKING, *LIMITS, *HOUSEHOLDS)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_original_is_let_through(mutant: Mutant) -> None:
    assert verdict_on(mutant.case, mutant.kept) == ()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_mutant_is_killed_by_its_own_rule(mutant: Mutant) -> None:
    complaints = verdict_on(mutant.mutated, mutant.broken)

    assert any(complaint.startswith(f"{mutant.killer}: ") for complaint in complaints), complaints
