"""`python -m aic_model` runs the node."""

from aic_model.aic_model import main

main()
