"""Training loops."""

from .time_budget_loop import TimeBudgetLoop

__all__ = ['TimeBudgetLoop']
