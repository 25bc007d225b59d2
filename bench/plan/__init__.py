"""Plans: suite and offers -> comparisons, with the route that joins a recipe's output to a backend's input."""

from bench.plan.catalogue import Catalogue
from bench.plan.plan import Plan, PlannedCell, PlannedComparison, make_plan
from bench.plan.routes import Operation, Route, find_route

__all__ = ["Catalogue", "Operation", "Plan", "PlannedCell", "PlannedComparison", "Route", "find_route", "make_plan"]
