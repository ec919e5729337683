"""Moving the arm by hand: who may, how far ahead, how fast, how hard. Pure steps of (observation, commands, time)."""
