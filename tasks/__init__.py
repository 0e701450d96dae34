"""The verbs: short tasks that observe or change one outside system each."""
