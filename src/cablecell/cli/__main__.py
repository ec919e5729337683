"""`python -m cablecell.cli`: the command where its script is not at hand."""

from cablecell.cli import main

main()
