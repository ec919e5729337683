"""The insertion skill: numbered phases as step functions of (observation, time). README.md describes the procedure."""
