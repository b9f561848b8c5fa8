"""The paper's tables: their rows, what is published beside them, how they are run."""
