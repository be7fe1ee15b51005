"""`python -m lab` does what `b70 lab` does, also where the product is not installed."""

from lab.cli import app

app()
